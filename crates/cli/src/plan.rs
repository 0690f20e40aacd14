//! From the command line, an experiment and an algorithm's own values to what a ground is asked.

use crate::args;
use crate::disk::{Directory, Note, nth};
use crate::environment::{Flags, Overrides, holds, validate};
use crate::error::Error;
use crate::experiment::{self, EngineName, Experiment, MeasureName, OrderName, SearchName, StoreName};
use crate::grounds::{World, check, run, sim};
use crate::registry::{Entry, Registry, Subject, no_cluster};
use crate::{platform, script};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use synod_check::disk::{Notebook, Outside};
use synod_check::{Measure, Order};
use synod_kernel::{Budget, Environment};
use synod_model::ProcessId;
use synod_model::failure::Who;
use synod_model::link::Guarantee;
use synod_model::timing::TimingKind;
use synod_properties::{GroundKind, OperationKind, Scale};

/// What is to be examined, as far as it is the same for all grounds.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The experiment, where there is one.
    pub(crate) experiment: Option<Experiment>,
    /// Where the environment is changed.
    overrides: Option<Overrides>,
    n: Option<u32>,
    requests: Option<u32>,
    defect: Option<String>,
    flags: Flags,
    outside_model: bool,
    /// Whether transformers are put under the algorithm where the environment's links are weaker than its model assumes.
    with_transformers: bool,
    /// Which were, and why.
    inserted: Option<String>,
    /// The kinds of operation that clients can ask for.
    operations: &'static [OperationKind],
    /// Whether all that is asked is asked at once.
    asked_at_start: bool,
}

impl Request {
    /// As a command line puts it, with the algorithm.
    pub(crate) fn new<'a>(
        registry: &'a Registry,
        subject: &args::Subject,
    ) -> Result<(&'a Entry, Self), Error> {
        Self::with(registry, subject, subject.experiment.as_deref().map(experiment::load).transpose()?)
    }

    /// The same with this experiment.
    pub(crate) fn with<'a>(
        registry: &'a Registry,
        subject: &args::Subject,
        experiment: Option<Experiment>,
    ) -> Result<(&'a Entry, Self), Error> {
        let named = experiment.as_ref().map(|e| e.algorithm.as_str()).or(subject.algorithm.as_deref());
        let entry = registry.find_or_only(named)?;
        let overrides = subject.env.as_deref().map(experiment::load_environment).transpose()?;
        let in_file = experiment.as_ref().is_some_and(|e| e.with_transformers);
        let request = Self {
            experiment,
            overrides,
            n: subject.n,
            requests: subject.requests,
            defect: subject.defect.clone(),
            flags: subject.flags(),
            outside_model: subject.outside_model,
            with_transformers: subject.with_transformers || in_file,
            inserted: None,
            operations: entry.subject.operations,
            asked_at_start: entry.subject.asked_at_start,
        };
        Ok((entry, request))
    }

    /// As `verify` puts it.
    pub(crate) fn verify<'a>(
        registry: &'a Registry,
        verify: &args::Verify,
    ) -> Result<(&'a Entry, Self), Error> {
        let name = verify.algorithm.clone().or_else(|| Some(registry.first().name().to_owned()));
        let subject = args::Subject {
            algorithm: name.filter(|_| verify.experiment.is_none()),
            experiment: verify.experiment.clone(),
            defect: verify.defect.clone(),
            ..args::Subject::default()
        };
        Self::new(registry, &subject)
    }

    /// The world in which a ground examines the subject.
    pub(crate) fn world(&self, subject: &Subject, ground: GroundKind) -> Result<World, Error> {
        let (scale, environment) = self.environment(subject, ground)?;
        let outside = (subject.outside)(&environment);
        if !outside.is_empty() && !self.outside_model {
            return Err(Error::OutsideModel(outside));
        }
        let model = (subject.model)().line();
        let transformers = self.inserted.clone();
        Ok(World { scale, environment, model, outside, two_seats: None, transformers, from: None })
    }

    /// The algorithm on the environment's links; or, where that was asked for and they are weaker than its model assumes, over
    /// transformers that close the gap.
    pub(crate) fn place<'a>(
        &mut self,
        registry: &'a Registry,
        entry: &'a Entry,
        ground: GroundKind,
    ) -> Result<&'a Entry, Error> {
        if !self.with_transformers {
            return Ok(entry);
        }
        let (_, environment) = self.environment(entry.on(ground), ground)?;
        says_what_links_are(&environment)?;
        let (placed, plan) = entry.on_links(environment.links.kind, registry.rungs())?;
        if ground == GroundKind::Run && !plan.rungs.is_empty() {
            return Err(no_cluster(entry.name()));
        }
        self.inserted = Some(plan.describe());
        Ok(placed)
    }

    /// The environment in which a ground examines the subject, and its scale.
    fn environment(&self, subject: &Subject, ground: GroundKind) -> Result<(Scale, Environment), Error> {
        let scale = self.scale(subject, ground)?;
        let mut environment = (subject.environment)(ground, &scale);
        environment.processes = scale.n;
        if let Some(experiment) = &self.experiment {
            let overrides = match ground {
                GroundKind::Check => &experiment.check.environment,
                GroundKind::Sim => &experiment.sim.environment,
                GroundKind::Run => &experiment.run.environment,
            };
            overrides.clone().apply(&mut environment);
        }
        if let Some(overrides) = self.overrides.clone() {
            overrides.apply(&mut environment);
        }
        self.flags.apply(&mut environment);
        validate(&environment, ground)?;
        Ok((scale, environment))
    }

    /// The worlds that a check explores: further ones of the algorithm's own, unless the environment is changed; modulo a
    /// renumbering another one.
    pub(crate) fn check_worlds(&self, entry: &Entry, renumber: bool) -> Result<Vec<World>, Error> {
        let first = self.world(&entry.checked, GroundKind::Check)?;
        let in_file = self.experiment.as_ref().is_some_and(|e| e.check.environment != Overrides::default());
        let changed = in_file || self.overrides.is_some() || self.flags != Flags::default();
        let changes: Vec<_> =
            if renumber { entry.renumbered.into_iter().collect() } else { entry.also.clone() };
        let also = changes.into_iter().filter(|_| !changed).map(|change| {
            let (mut scale, mut environment) = (first.scale.clone(), first.environment.clone());
            change(&mut scale, &mut environment);
            let outside = (entry.checked.outside)(&environment);
            World {
                scale,
                environment,
                model: first.model.clone(),
                outside,
                two_seats: None,
                transformers: None,
                from: None,
            }
        });
        let also: Vec<_> = also.collect();
        if renumber && !also.is_empty() {
            return Ok(also);
        }
        Ok(std::iter::once(first).chain(also).collect())
    }

    /// As [`Request::check_worlds`]; or one of them, in which two copies play the process that is named.
    pub(crate) fn check_worlds_of(
        &self,
        entry: &Entry,
        args: &args::Check,
        renumber: bool,
    ) -> Result<Vec<World>, Error> {
        let mut worlds = self.check_worlds(entry, renumber)?;
        let in_file = self.experiment.as_ref().map(|e| &e.check);
        let withheld = args.withhold.or(in_file.and_then(|c| c.withhold));
        let wrong = |what: String, hint: &str| Err(Error::Arguments { what, hint: hint.to_owned() });
        let Some(process) = args.two_seats.or(in_file.and_then(|c| c.two_seats)) else {
            return match withheld {
                Some(_) => wrong("messages are withheld from nobody".to_owned(), "`two_seats` says whose"),
                None => Ok(worlds),
            };
        };
        worlds.truncate(1);
        let world = &mut worlds[0];
        if process >= world.scale.n {
            return wrong(
                format!("there is no p{process} among {} processes", world.scale.n),
                "choose another",
            );
        }
        let failures = &mut world.environment.failures;
        if self.flags.lies.is_some_and(Budget::any) {
            return wrong(
                "--two-seats beside --lies".to_owned(),
                "leave one out: a faulty process is played by its copies",
            );
        }
        let f = failures.stops.max(failures.lies);
        let may_lie = failures.kind.profile().lie != Who::Nobody && f.any();
        if !may_lie && !self.outside_model {
            let hint = "it is for Byzantine models; --outside-model shows what happens in others";
            return wrong(format!("--two-seats makes p{process} faulty, and nobody may lie here"), hint);
        }
        failures.lies = Budget::NONE;
        if f.any() {
            failures.stops = failures.stops.min(f.spent());
        }
        world.two_seats = Some((ProcessId(process), withheld.unwrap_or(Budget::NONE)));
        Ok(worlds)
    }

    fn scale(&self, subject: &Subject, ground: GroundKind) -> Result<Scale, Error> {
        let mut scale = (subject.scale)(ground);
        if let Some(experiment) = &self.experiment {
            let (n, requests) = match ground {
                GroundKind::Check => (experiment.check.n, experiment.check.requests),
                GroundKind::Sim => (experiment.sim.n, experiment.sim.requests),
                GroundKind::Run => (experiment.run.n, experiment.run.requests),
            };
            scale.n = n.or(experiment.n).unwrap_or(scale.n);
            scale.requests = requests.or(experiment.requests).unwrap_or(scale.requests);
            scale.defect.clone_from(&experiment.defect);
        }
        scale.defect = self.defect.clone().or(scale.defect);
        if let (GroundKind::Check, Some(name)) = (ground, &scale.defect) {
            let twin = subject.twin(name)?;
            scale.n = twin.n.unwrap_or(scale.n);
            scale.requests = twin.requests.unwrap_or(scale.requests);
        }
        scale.n = self.n.unwrap_or(scale.n);
        scale.requests = self.requests.unwrap_or(scale.requests);
        holds(scale.n, ground)?;
        if let Some(name) = &scale.defect {
            subject.twin(name)?;
        }
        Ok(scale)
    }

    /// What the checker is asked.
    pub(crate) fn check(&self, args: &args::Check) -> Result<check::Options, Error> {
        check_options(self.experiment.as_ref(), args)
    }

    /// What the simulator is asked.
    pub(crate) fn sim(&self, args: &args::Sim, world: &World) -> Result<sim::Options, Error> {
        /// How many runs there are where nothing is said.
        const RUNS: u64 = 5_000;
        /// How long they are under partial synchrony: detectors adapt after GST, over many periods.
        const HORIZON: Duration = Duration::from_mins(1);
        let file = self.experiment.as_ref().map(|e| e.sim.clone()).unwrap_or_default();
        let mut usual = synod_sim::Options::default();
        if world.environment.timing.kind == TimingKind::PartiallySynchronous {
            usual.horizon = HORIZON;
        }
        let first = args.seed.or(file.seed).unwrap_or(0);
        let runs = match (args.runs, args.seed) {
            (Some(runs), _) => runs,
            (None, _) if args.time.is_some() => u64::MAX,
            (None, Some(_)) => 1,
            (None, None) => file.runs.unwrap_or(RUNS),
        };
        if args.then.windows(2).any(|pair| pair[0].0 >= pair[1].0) || (!args.then.is_empty() && runs > 1) {
            return Err(Error::Arguments {
                what: "--then goes on with one run, step by step".to_owned(),
                hint: "give --seed alone, and the steps of --then in ascending order".to_owned(),
            });
        }
        let horizon = args.horizon.or(file.horizon.map(|text| text.0.0)).unwrap_or(usual.horizon);
        let source = self.experiment.as_ref().map(|e| e.source.clone()).unwrap_or_default();
        let platform = match (&args.platform, &file.platform) {
            (Some(path), _) => Some(platform::load(path, &world.environment)?),
            (None, Some(own)) => Some(platform::of_experiment(own, &source, &world.environment)?),
            (None, None) => None,
        };
        let (faults, conditions) = match &file.script {
            Some(script) => script::plan(script, &world.environment, platform.as_deref(), horizon, &source)?,
            None => (usual.faults, usual.conditions),
        };
        let workload = args.clients.workload(file.workload.as_ref(), self.operations)?;
        Ok(sim::Options {
            seeds: first..first.saturating_add(runs),
            run: synod_sim::Options {
                steps_max: args.steps_max.or(file.steps_max).unwrap_or(usual.steps_max),
                horizon,
                faults,
                conditions,
                platform,
                requests_within: self.asked_at_start.then_some(Duration::ZERO),
                branches: true,
                swarm: !args.no_swarm && file.swarm.unwrap_or(true),
                coverage: args.out.is_some(),
                then: args.then.clone(),
                costs: args.measured.costs || workload.is_some() || self.inserted.is_some(),
                workload,
                ..synod_sim::Options::default()
            },
            guided: args.search.or(file.search) == Some(SearchName::Coverage),
            searched: None,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            terse: !args.full,
            corpus: Vec::new(),
            time: args.time,
            out: None,
            shrink: crate::grounds::shrink::Options {
                wanted: !args.no_shrink,
                time_max: args.shrink_for,
                ..Default::default()
            },
        })
    }

    /// What the cluster is asked.
    pub(crate) fn run(&self, args: &args::Run, directory: PathBuf) -> run::Options {
        let file = self.experiment.as_ref().map(|e| e.run.clone()).unwrap_or_default();
        run::Options {
            faults: !args.no_faults && file.faults.unwrap_or(true),
            first_port: args.port,
            directory,
            transport: args.transport.map(Into::into),
            security: args.security.map(Into::into),
        }
    }
}

/// Refuses links whose budgets are those of weaker ones: what is put on them goes by what they are.
fn says_what_links_are(environment: &Environment) -> Result<(), Error> {
    let links = &environment.links;
    let promised = links.kind.guarantees();
    for (budget, promise, what) in [
        (links.losses, Guarantee::AtLeastOnce, "losses"),
        (links.duplications, Guarantee::NoDuplication, "duplications"),
    ] {
        if budget.any() && promised.has(promise) && promised.has(Guarantee::NoDuplication) {
            return Err(Error::Arguments {
                what: format!("{} links have no {what}, and here they have {budget}", links.kind),
                hint: "say what they are: --links fair-loss, or `links.kind` in a file".to_owned(),
            });
        }
    }
    Ok(())
}

/// What the checker is asked: by the command line, else by the experiment.
pub(crate) fn check_options(
    experiment: Option<&Experiment>,
    args: &args::Check,
) -> Result<check::Options, Error> {
    const THREADS_MAX: u32 = 64;
    let file = experiment.map(|e| e.check.clone()).unwrap_or_default();
    let usual = check::Options::default();
    let engine = args.engine.or(file.engine).map_or(usual.engine, |name| match name {
        EngineName::Reference => synod_check::Engine::Reference,
        EngineName::Tabulating => synod_check::Engine::Tabulating,
    });
    let order = order(&file, args)?;
    let store = args.store.or(file.store).map_or(usual.store, |name| match name {
        StoreName::Fingerprint64 => synod_check::Store::Fingerprint64,
        StoreName::Fingerprint128 => synod_check::Store::Fingerprint128,
        StoreName::Exact => synod_check::Store::Exact,
    });
    let threads = args.threads.or(file.threads).unwrap_or(usual.threads);
    if !(1..=THREADS_MAX).contains(&threads) {
        return Err(Error::Arguments {
            what: format!("threads = {threads} is out of bounds"),
            hint: format!("threads lie between 1 and {THREADS_MAX}"),
        });
    }
    let memory = args.memory.or(file.memory_max_mib.map(|mib| mib.saturating_mul(1 << 20)));
    Ok(check::Options {
        engine,
        order,
        store,
        threads,
        states_max: args.states_max.or(file.states_max).unwrap_or(usual.states_max),
        memory_max: memory.unwrap_or(usual.memory_max),
        depth_max: args.depth_max.or(file.depth_max),
        symmetry: args.symmetry || file.symmetry.unwrap_or(usual.symmetry),
        partial_order: args.partial_order || file.partial_order.unwrap_or(usual.partial_order),
        renumber: args.renumber || file.renumber.unwrap_or(usual.renumber),
        forget: args.forget || file.forget.unwrap_or(usual.forget),
        safety: args.safety || file.safety.unwrap_or(usual.safety),
        disk: args.spill.clone().map(|directory| Outside(Arc::new(Directory(directory)) as _)),
        subject: usual.subject,
        notebook: notebook(args, 0)?,
    })
}

/// In which order the checker is asked to visit states.
fn order(file: &experiment::Check, args: &args::Check) -> Result<Order, Error> {
    /// How many random walks there are, and how long they are, where nothing is said.
    const WALKS: u64 = 10_000;
    const WALK_LENGTH: u32 = 1_000;
    /// How many searches a swarm has, and how many states each may visit, where nothing is said.
    const SEARCHES: u64 = 32;
    const STATES_EACH: u64 = 100_000;
    let name = args.order.or(file.order).unwrap_or(OrderName::BreadthFirst);
    refuse_of_other_orders(name, args)?;
    let at_least_one = |name: &str, value: u64| match value {
        0 => Err(Error::Arguments {
            what: format!("{name} = 0 is out of bounds"),
            hint: "a swarm has a search, and each visits a state".to_owned(),
        }),
        value => Ok(value),
    };
    let seed = args.seed.or(file.seed).unwrap_or(0);
    Ok(match name {
        OrderName::BreadthFirst => Order::BreadthFirst,
        OrderName::DepthFirst => Order::DepthFirst,
        OrderName::Deepening => Order::Deepening,
        OrderName::Walks => Order::Walks {
            seed,
            walks: args.walks.or(file.walks).unwrap_or(WALKS),
            length: args.depth_max.or(file.depth_max).unwrap_or(WALK_LENGTH),
        },
        OrderName::Guided => Order::Guided {
            by: match args.by.or(file.by) {
                Some(MeasureName::Distance) => Measure::Distance,
                Some(MeasureName::Coverage) | None => Measure::Coverage,
            },
        },
        OrderName::Swarm => Order::Swarm {
            seed,
            searches: at_least_one("searches", args.searches.or(file.searches).unwrap_or(SEARCHES))?,
            states_each: at_least_one(
                "states_each",
                args.states_each.or(file.states_each).unwrap_or(STATES_EACH),
            )?,
        },
    })
}

/// What would have no effect in this order is refused.
fn refuse_of_other_orders(name: OrderName, args: &args::Check) -> Result<(), Error> {
    let (walks, swarm) = (name == OrderName::Walks, name == OrderName::Swarm);
    for (given, has_effect, flag, with) in [
        (args.walks.is_some(), walks, "--walks", "--order walks"),
        (args.seed.is_some(), walks || swarm, "--seed", "--order walks or --order swarm"),
        (args.by.is_some(), name == OrderName::Guided, "--by", "--order guided"),
        (args.searches.is_some(), swarm, "--searches", "--order swarm"),
        (args.states_each.is_some(), swarm, "--states-each", "--order swarm"),
    ] {
        if given && !has_effect {
            return Err(Error::Arguments {
                what: format!("{flag} has no effect in this order of states"),
                hint: format!("it goes with {with}"),
            });
        }
    }
    Ok(())
}

/// Where the check of the world of this number writes down how far it has come, if anywhere.
pub(crate) fn notebook(args: &args::Check, number: usize) -> Result<Option<Outside<dyn Notebook>>, Error> {
    let (path, resumes) = match (&args.resume, &args.save) {
        (Some(path), _) if number == 0 && !path.exists() => {
            return Err(Error::Arguments {
                what: format!("there is no {} to go on from", path.display()),
                hint: "--save FILE begins such a file".to_owned(),
            });
        }
        (Some(path), _) => (path, true),
        (None, Some(path)) => (path, false),
        (None, None) if args.save_every.is_some() => {
            return Err(Error::Arguments {
                what: "--save-every has no effect without --save or --resume".to_owned(),
                hint: "--save FILE says where".to_owned(),
            });
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Outside(Arc::new(Note { path: nth(path, number), resumes }))))
}
