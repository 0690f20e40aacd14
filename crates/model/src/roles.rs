//! Processes of different kinds in one world: servers and clients.
//!
//! A role is a process of its own. Those of one world share all their types but the state, so that what one says another
//! understands; [`roles!`](macro@crate::roles) makes an enum of them a process.

use crate::context::{Sink, left_to_the_outer};
use crate::event::EffectOf;
use crate::identity::Group;
use crate::process::Process;
use crate::system::AtLeast;
use std::marker::PhantomData;

/// The context of a role: the world's, narrowed to the processes that the role runs among. Effects pass as they are.
pub struct InRole<'a, W, S> {
    group: Group,
    outer: &'a mut S,
    world: PhantomData<W>,
}

impl<'a, W: Process, S: Sink<W>> InRole<'a, W, S> {
    /// `outer`, narrowed to `group`.
    pub fn new(group: Group, outer: &'a mut S) -> Self {
        Self { group, outer, world: PhantomData }
    }
}

impl<W, R, S> Sink<R> for InRole<'_, W, S>
where
    W: Process<Model: AtLeast<R::Model>>,
    R: Process<Message = W::Message, Timer = W::Timer, Stable = W::Stable, Indication = W::Indication>,
    S: Sink<W>,
{
    #[inline]
    fn group(&self) -> Group {
        self.group
    }

    #[inline]
    fn emit(&mut self, effect: EffectOf<R>) {
        self.outer.emit(effect);
    }

    left_to_the_outer!();
}

/// Makes an enum of roles a process, one line a role: its name, its process, the seats it has, and the group it runs
/// among (what `ctx.n()` and `ctx.broadcast` mean to it), both functions of the parameters.
///
/// ```text
/// roles! {
///     /// A process of the register: a server or a client.
///     [V: Value] pub enum Register<V> {
///         /// Keeps a copy.
///         Server(Server<V>): seats Parameters::servers, among Parameters::servers;
///         /// Reads and writes.
///         Client(Client<V>): seats Parameters::clients, among Parameters::servers;
///     }
/// }
/// ```
/// The roles share all their types but the state, and the first one's model is the world's. A process that has no seat
/// takes the last role.
#[macro_export]
macro_rules! roles {
    ($(#[$doc:meta])* [$($generics:tt)*] $vis:vis enum $name:ident $(<$($argument:ident),*>)? {
        $(#[$first_doc:meta])* $first:ident($first_process:ty): seats $first_seats:path, among $first_among:path;
        $($(#[$role_doc:meta])* $role:ident($process:ty): seats $seats:path, among $among:path;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name $(<$($argument),*>)? {
            $(#[$first_doc])* $first($crate::Group, $first_process),
            $($(#[$role_doc])* $role($crate::Group, $process),)*
        }

        impl<$($generics)*> $crate::Process for $name $(<$($argument),*>)? {
            type Model = <$first_process as $crate::Process>::Model;
            type Parameters = <$first_process as $crate::Process>::Parameters;
            type Request = <$first_process as $crate::Process>::Request;
            type Indication = <$first_process as $crate::Process>::Indication;
            type Message = <$first_process as $crate::Process>::Message;
            type Timer = <$first_process as $crate::Process>::Timer;
            type Stable = <$first_process as $crate::Process>::Stable;

            fn on_init(parameters: &Self::Parameters, ctx: &mut impl $crate::Context<Self>) -> Self {
                $crate::roles!(@start parameters, ctx, on_init(),
                    $first($first_process): $first_seats, $first_among;
                    $($role($process): $seats, $among;)*)
            }

            fn on_recovery(parameters: &Self::Parameters, stable: &Self::Stable, ctx: &mut impl $crate::Context<Self>)
                -> Self {
                $crate::roles!(@start parameters, ctx, on_recovery(stable),
                    $first($first_process): $first_seats, $first_among;
                    $($role($process): $seats, $among;)*)
            }

            fn on_request(&mut self, request: Self::Request, ctx: &mut impl $crate::Context<Self>) {
                $crate::roles!(@hand self, ctx, |role, ctx| $crate::Process::on_request(role, request, ctx); $first $($role)*);
            }

            fn on_message(
                &mut self,
                from: $crate::ProcessId,
                message: Self::Message,
                ctx: &mut impl $crate::Context<Self>,
            ) {
                $crate::roles!(@hand self, ctx, |role, ctx| $crate::Process::on_message(role, from, message, ctx); $first $($role)*);
            }

            fn on_timer(&mut self, timer: Self::Timer, ctx: &mut impl $crate::Context<Self>) {
                $crate::roles!(@hand self, ctx, |role, ctx| $crate::Process::on_timer(role, timer, ctx); $first $($role)*);
            }
        }
    };
    (@start $parameters:ident, $ctx:ident, $handler:ident($($argument:ident),*),
        $last:ident($process:ty): $seats:path, $among:path;) => {{
        let _ = $seats($parameters); // the last role takes the rest
        let group = $among($parameters);
        $crate::mark::declare::<Self, $process>($ctx);
        let mut narrowed = $crate::roles::InRole::<Self, _>::new(group, $ctx);
        Self::$last(group, <$process as $crate::Process>::$handler($parameters, $($argument,)* &mut narrowed))
    }};
    (@start $parameters:ident, $ctx:ident, $handler:ident($($argument:ident),*),
        $role:ident($process:ty): $seats:path, $among:path; $($rest:tt)+) => {
        if $seats($parameters).contains($ctx.me()) {
            $crate::roles!(@start $parameters, $ctx, $handler($($argument),*), $role($process): $seats, $among;)
        } else {
            $crate::roles!(@start $parameters, $ctx, $handler($($argument),*), $($rest)+)
        }
    };
    (@hand $self:ident, $outer:ident, |$process:ident, $ctx:ident| $call:expr; $($role:ident)+) => {
        match $self {
            $(Self::$role(group, $process) => {
                let $ctx = &mut $crate::roles::InRole::<Self, _>::new(*group, $outer);
                $call;
            })+
        }
    };
}
