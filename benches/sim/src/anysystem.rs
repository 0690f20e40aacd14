//! anysystem: a node for each process, over its network.

use crate::sample::Sample;
use anysystem::{Context, Message, Process, System};

/// Asks its server, again and again.
#[derive(Clone)]
struct Client {
    server: String,
    answered: u64,
    rounds: u64,
}

impl Client {
    fn ask(&self, ctx: &mut Context) {
        ctx.send(Message::new("request", &self.answered.to_string()), self.server.clone());
    }
}

impl Process for Client {
    fn on_message(&mut self, reply: Message, _: String, ctx: &mut Context) -> Result<(), String> {
        assert_eq!(reply.data.parse(), Ok(self.answered));
        self.answered += 1;
        if self.answered < self.rounds {
            self.ask(ctx);
        }
        Ok(())
    }

    fn on_local_message(&mut self, _: Message, ctx: &mut Context) -> Result<(), String> {
        self.ask(ctx);
        Ok(())
    }

    fn on_timer(&mut self, _: String, _: &mut Context) -> Result<(), String> {
        Ok(())
    }
}

/// Answers.
#[derive(Clone)]
struct Server;

impl Process for Server {
    fn on_message(&mut self, request: Message, from: String, ctx: &mut Context) -> Result<(), String> {
        ctx.send(Message::new("reply", &request.data), from);
        Ok(())
    }

    fn on_local_message(&mut self, _: Message, _: &mut Context) -> Result<(), String> {
        Ok(())
    }

    fn on_timer(&mut self, _: String, _: &mut Context) -> Result<(), String> {
        Ok(())
    }
}

/// Delivers about so many messages among `n` nodes. They are built before the clock runs.
pub fn deliver(n: u32, messages: u64) -> Sample {
    let half = n / 2;
    let rounds = messages.div_ceil(2 * u64::from(half));
    let mut system = System::new(1);
    system.network().set_delay(0.001);
    for pair in 0..half {
        let (client, server) = (format!("client-{pair}"), format!("server-{pair}"));
        system.add_node(&server);
        system.add_process(&server, Box::new(Server), &server);
        system.add_node(&client);
        system.add_process(&client, Box::new(Client { server, answered: 0, rounds }), &client);
    }
    Sample::of(|| {
        for pair in 0..half {
            system.send_local_message(&format!("client-{pair}"), Message::new("start", ""));
        }
        system.step_until_no_events();
        let asked = |pair| system.received_message_count(&format!("client-{pair}"));
        let answered: u64 = (0..half).map(asked).sum();
        assert_eq!(answered, rounds * u64::from(half), "all clients are answered");
        2 * answered
    })
}
