//! madsim's side: a node for each process, over its endpoints, which are datagrams with a tag. A program of its own, built with
//! `--cfg madsim`: it takes the place of the system's clock and randomness for all that is linked with it.
//!
//! `bench-sim` builds and starts it: `bench-sim-madsim PROCESSES MESSAGES`.

#[cfg(madsim)]
#[path = "../../src/sample.rs"]
mod sample;

#[cfg(not(madsim))]
fn main() {
    eprintln!("build it with RUSTFLAGS='--cfg madsim': bench-sim does");
    std::process::exit(2);
}

#[cfg(madsim)]
fn main() {
    let mut given = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let (n, messages) = (given.next().expect("PROCESSES"), given.next().expect("MESSAGES"));
    simulated::deliver(n as u32, messages).print();
}

#[cfg(madsim)]
mod simulated {
    use crate::sample::Sample;
    use madsim::net::Endpoint;
    use madsim::runtime::Runtime;
    use madsim::{Config, net};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::time::Duration;

    const PORT: u16 = 9_000;
    const TAG: u64 = 1;

    /// Delivers about so many messages among `n` nodes. They are built before the clock runs.
    pub fn deliver(n: u32, messages: u64) -> Sample {
        let half = n / 2;
        let rounds = messages.div_ceil(2 * u64::from(half));
        let latency = Duration::from_millis(1)..Duration::from_nanos(1_000_001);
        let config =
            Config { net: net::Config { packet_loss_rate: 0.0, send_latency: latency }, ..Config::default() };
        let runtime = Runtime::with_seed_and_config(1, config);
        let node = |seat: u32| runtime.create_node().ip(address(seat).ip()).build();
        for pair in 0..half {
            node(half + pair).spawn(async move {
                let endpoint = Endpoint::bind(address(half + pair)).await.expect("a free port");
                let mut datagram = [0; 8];
                loop {
                    let (_, from) = endpoint.recv_from(TAG, &mut datagram).await.expect("a request");
                    endpoint.send_to(from, TAG, &datagram).await.expect("a way back");
                }
            });
        }
        let clients: Vec<_> = (0..half).map(node).collect();
        Sample::of(|| {
            runtime.block_on(async {
                // all servers listen by then
                madsim::time::sleep(Duration::from_millis(10)).await;
                let asking = |(pair, node): (u32, &madsim::runtime::NodeHandle)| {
                    node.spawn(ask(address(pair), address(half + pair), rounds))
                };
                let all: Vec<_> = (0..half).zip(&clients).map(asking).collect();
                for client in all {
                    client.await.expect("all clients are answered");
                }
            });
            2 * rounds * u64::from(half)
        })
    }

    async fn ask(own: SocketAddr, server: SocketAddr, rounds: u64) {
        let endpoint = Endpoint::bind(own).await.expect("a free port");
        let mut datagram = [0; 8];
        for number in 0..rounds {
            endpoint.send_to(server, TAG, &number.to_le_bytes()).await.expect("a way there");
            endpoint.recv_from(TAG, &mut datagram).await.expect("a reply");
            assert_eq!(u64::from_le_bytes(datagram), number);
        }
    }

    fn address(seat: u32) -> SocketAddr {
        let ip = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + seat);
        SocketAddr::new(IpAddr::V4(ip), PORT)
    }
}
