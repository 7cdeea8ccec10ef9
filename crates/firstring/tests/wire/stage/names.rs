//! A name server on loopback whose records a test writes and changes.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::base::iana::Rcode;
use domain::base::{CharStr, Message, MessageBuilder, Name, Rtype, Ttl};
use domain::rdata::{A, Naptr, Srv};

/// What one name has.
#[derive(Clone)]
pub enum Has {
    /// NAPTR: SIP over UDP is found at this name.
    Service(&'static str),
    /// SRV: priority, weight, port and host.
    Host(u16, u16, u16, &'static str),
    /// A.
    Address([u8; 4]),
}

/// A name server. It ends when dropped.
pub struct NameServer {
    pub port: u16,
    zone: Arc<Mutex<Vec<(&'static str, Has)>>>,
    asked: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// One that knows this, for a second each time.
    pub fn of(zone: Vec<(&'static str, Has)>) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (zone, over) = (Arc::new(Mutex::new(zone)), Arc::new(AtomicBool::new(false)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (records, ends, count) = (Arc::clone(&zone), Arc::clone(&over), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while !ends.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let answer = answer(&buffer[..length], &records.lock().unwrap());
                count.fetch_add(1, Ordering::Relaxed);
                socket.send_to(&answer, from).unwrap();
            }
        });
        NameServer { port, zone, asked, over, thread: Some(thread) }
    }

    /// From now on it knows this.
    pub fn knows(&self, zone: Vec<(&'static str, Has)>) {
        *self.zone.lock().unwrap() = zone;
    }

    /// How many questions it has answered.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(query: &[u8], zone: &[(&'static str, Has)]) -> Vec<u8> {
    let query = Message::from_octets(query).unwrap();
    let question = query.sole_question().unwrap();
    let name = |text: &str| text.parse::<Name<Vec<u8>>>().unwrap();
    let known: Vec<_> = zone.iter().filter(|(owner, _)| *question.qname() == name(owner)).collect();
    let rcode = if known.is_empty() { Rcode::NXDOMAIN } else { Rcode::NOERROR };
    let mut answer = MessageBuilder::new_vec().start_answer(&query, rcode).unwrap();
    for (owner, has) in known {
        let (owner, ttl) = (name(owner), Ttl::from_secs(1));
        let word = |text: &str| CharStr::from_octets(text.as_bytes().to_vec()).unwrap();
        match (question.qtype(), has) {
            (Rtype::NAPTR, Has::Service(at)) => {
                let data = Naptr::new(10, 10, word("s"), word("SIP+D2U"), word(""), name(at));
                answer.push((owner, ttl, data)).unwrap();
            }
            (Rtype::SRV, Has::Host(priority, weight, port, host)) => {
                answer.push((owner, ttl, Srv::new(*priority, *weight, *port, name(host)))).unwrap();
            }
            (Rtype::A, Has::Address(ip)) => {
                answer.push((owner, ttl, A::from_octets(ip[0], ip[1], ip[2], ip[3]))).unwrap();
            }
            _ => {}
        }
    }
    answer.finish()
}
