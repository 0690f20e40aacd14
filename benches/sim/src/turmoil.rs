//! turmoil: a host for each server, a client for each that asks, over its UDP sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use turmoil::net::UdpSocket;

use crate::sample::Sample;

const PORT: u16 = 9_000;

/// Delivers about so many messages among `n` hosts. They are built before the clock runs.
pub fn deliver(n: u32, messages: u64) -> Sample {
    let half = n / 2;
    let rounds = messages.div_ceil(2 * u64::from(half));
    let mut sim = turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(1_000_000_000))
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(1))
        .rng_seed(1)
        .build();
    for server in 0..half {
        sim.host(format!("server-{server}"), || async {
            let socket = UdpSocket::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)).await?;
            let mut datagram = [0; 8];
            loop {
                let (_, from) = socket.recv_from(&mut datagram).await?;
                socket.send_to(&datagram, from).await?;
            }
        });
    }
    for client in 0..half {
        sim.client(format!("client-{client}"), async move {
            let socket = UdpSocket::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)).await?;
            let server = SocketAddr::new(turmoil::lookup(format!("server-{client}")), PORT);
            let mut datagram = [0; 8];
            for number in 0..rounds {
                socket.send_to(&number.to_le_bytes(), server).await?;
                socket.recv_from(&mut datagram).await?;
                assert_eq!(u64::from_le_bytes(datagram), number);
            }
            Ok(())
        });
    }
    Sample::of(|| {
        sim.run().expect("all clients are answered");
        2 * rounds * u64::from(half)
    })
}
