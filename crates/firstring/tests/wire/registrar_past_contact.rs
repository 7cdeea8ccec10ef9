//! A registrar that calls at our address instead of the contact it was given: the owner reads what to change.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CONFIGURATION: &str = r#"allow_plain_secrets = true
[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"
[sip]
listen = ["udp:127.0.0.1:0"]
[web]
listen = "127.0.0.1:0"
[[trunk]]
name = "main"
channels = 4
register = true
username = "rivera"
password = "correct horse"
registrar = "REGISTRAR"
[[office]]
name = "main"
hours = "Mo-Fr 08:00-17:00"
[[line]]
number = "+13125550100"
plan = "always"
[[assistant]]
name = "Robin"
"#;

#[test]
fn what_a_registrar_sends_past_our_contact_is_told_with_its_trunk() {
    let registrar = UdpSocket::bind("127.0.0.1:0").unwrap();
    registrar.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let address = registrar.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("desk.toml"), CONFIGURATION.replace("REGISTRAR", &address)).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_firstring"))
        .args(["run", "-c", "desk.toml"])
        .current_dir(directory.path())
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut desk = Desk(child);
    let console = console(&mut desk.0);

    let mut buffer = [0; 4_096];
    let (length, at) = registrar.recv_from(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"REGISTER "));
    let call = "INVITE sip:+13125550100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n\
        Max-Forwards: 70\r\nFrom: <sip:+13125550143@example.com>;tag=1\r\nTo: <sip:+13125550100@127.0.0.1>\r\n\
        Call-ID: past@example.com\r\nCSeq: 1 INVITE\r\nContact: <sip:127.0.0.1>\r\nContent-Length: 0\r\n\r\n";
    registrar.send_to(call.as_bytes(), at).unwrap();

    let says = "127.0.0.1 is where trunk main registers, and sent something that was not for our registered contact, \
        which is not answered; if calls are meant to come that way, add its addresses to accept_from of trunk main";
    let until = Instant::now() + Duration::from_secs(10);
    let mut told = String::new();
    while !told.contains(says) && Instant::now() < until {
        told = get(&console, "/api/v1/refusals");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(told.contains(says) && told.contains("\"trunk\":\"main\""), "{told}");
    assert!(!told.contains("in no trunk's accept_from"), "{told}");
}

/// Where the console is shown, once it is. What is logged later is read as well, so that the desk never waits.
fn console(desk: &mut Child) -> String {
    let mut log = BufReader::new(desk.stderr.take().unwrap()).lines();
    let shown = |line: String| Some(line.split_once("Showing the console address=")?.1.trim().to_string());
    let address = log.by_ref().map_while(Result::ok).find_map(shown).expect("the console is shown");
    std::thread::spawn(move || log.for_each(drop));
    address
}

fn get(console: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(console).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {console}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A running desk; it ends with the test.
struct Desk(Child);

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
