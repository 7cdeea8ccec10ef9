//! What `check` says of carriers: real datagrams and connections on loopback, and what the carrier got to read.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

const PASSWORD: &str = "correct horse";

#[test]
fn a_registrar_that_wants_a_password_is_there_and_is_given_none() {
    let carrier = Carrier::answering("401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"y\"");
    let (code, found) = check(&[registering(carrier.address)], &[]);
    let says = said(&found, "trunk t0").pop().unwrap();
    assert_eq!(says.0, "fine");
    let ms = says.1.strip_prefix(&format!("{} answers, 401 after ", carrier.address)).unwrap();
    assert!(ms.strip_suffix(" ms").unwrap().parse::<u64>().unwrap() < 4_000, "{ms}");
    assert_eq!(code, Some(0));
    let asked: Vec<String> = carrier.got.try_iter().collect();
    assert!(!asked.is_empty());
    for request in asked {
        assert!(request.starts_with("OPTIONS "), "{request}");
        assert!(!request.contains("Authorization") && !request.contains(PASSWORD), "{request}");
    }
}

#[test]
fn silent_carriers_are_waited_for_side_by_side_and_not_for_long() {
    let silent = [Carrier::silent(), Carrier::silent(), Carrier::silent()];
    let trunks = silent.each_ref().map(|carrier| calling(&carrier.address.to_string()));
    let began = Instant::now();
    let (code, found) = check(&trunks, &[]);
    let took = began.elapsed();
    for (number, carrier) in silent.iter().enumerate() {
        let (weight, says) = said(&found, &format!("trunk t{number}")).pop().unwrap();
        assert_eq!(weight, "weak");
        assert!(says.starts_with(&format!("{} did not answer within 4 s", carrier.address)), "{says}");
        assert!(carrier.got.try_iter().count() > 1, "what may have been lost was sent again");
    }
    assert_eq!(code, Some(0), "a carrier need not answer OPTIONS");
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_name_not_found_and_a_closed_port_may_pass_and_say_what_to_check() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, found) = check(&[calling("nowhere.invalid"), calling(&closed.to_string())], &[]);
    let weak = |says: String| ("weak".to_string(), says);
    let says = "nowhere.invalid is not found, so no call goes there now".to_string();
    assert!(said(&found, "trunk t0").contains(&weak(says)), "{found:?}");
    let says = format!("the machine at {closed} says that nothing listens there now");
    assert!(said(&found, "trunk t1").contains(&weak(says)), "{found:?}");
    assert_eq!(code, Some(0), "a desk answers meanwhile, and goes on looking");
}

#[test]
fn a_carrier_is_asked_over_the_transport_of_its_trunk() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let carrier = listener.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut buffer) = (String::new(), [0; 4_096]);
        while !request.ends_with("\r\n\r\n") {
            let length = stream.read(&mut buffer).unwrap();
            request += std::str::from_utf8(&buffer[..length]).unwrap();
        }
        // Its answer comes in two parts, and after a line end.
        let answer = format!("\r\n{}", answer(&request, "200 OK"));
        for part in answer.as_bytes().chunks(60) {
            stream.write_all(part).unwrap();
        }
        request
    });
    let trunk = format!("transport = \"tcp\"\n{}", calling(&carrier.to_string()));
    let (code, found) = check(&[trunk], &[]);
    let (weight, says) = said(&found, "trunk t0").pop().unwrap();
    assert!(weight == "fine" && says.starts_with(&format!("{carrier} answers, 200 after ")), "{says}");
    assert_eq!(code, Some(0));
    let request = asked.join().unwrap();
    assert!(request.contains("\r\nVia: SIP/2.0/TCP 127.0.0.1:"), "{request}");

    let (_, found) = check(&[format!("transport = \"tcp\"\n{}", calling(&carrier.to_string()))], &[]);
    let says = format!("the machine at {carrier} says that nothing listens there now");
    assert_eq!(said(&found, "trunk t0").pop().unwrap(), ("weak".to_string(), says));
}

#[test]
fn nobody_is_asked_offline_and_that_is_said_once() {
    let carrier = Carrier::silent();
    let (code, found) = check(&[registering(carrier.address), calling("nowhere.invalid")], &["--offline"]);
    let says =
        format!("not asked whether they answer, because of --offline: {}, nowhere.invalid", carrier.address);
    assert_eq!(said(&found, "carriers"), [("weak".to_string(), says)]);
    assert_eq!((code, carrier.got.try_iter().count()), (Some(0), 0));
}

fn registering(carrier: SocketAddr) -> String {
    format!(
        "register = true\nusername = \"alice\"\npassword = \"{PASSWORD}\"\nregistrar = \"{carrier}\"\noutbound_proxy = \"{carrier}\"\n"
    )
}

fn calling(proxy: &str) -> String {
    format!("accept_from = [\"192.0.2.NUMBER\"]\noutbound_proxy = \"{proxy}\"\n")
}

/// What `check --json` says of a desk with these trunks, named t0, t1 and so on.
fn check(trunks: &[String], more: &[&str]) -> (Option<i32>, Vec<Value>) {
    let mut text = "allow_plain_secrets = true
[business]\nname = \"Rivera Plumbing\"\ntrade = \"plumbing\"\ntimezone = \"America/Chicago\"
[sip]\nlisten = [\"udp:127.0.0.1:0\"]
[web]\nlisten = \"127.0.0.1:0\"
[[office]]\nname = \"main\"\nhours = \"Mo-Fr 08:00-17:00\"
[[person]]\nname = \"Dana\"\nreach = [{ to = \"101\", via = \"t0\" }]
[[line]]\nnumber = \"+13125550100\"\ntrunk = \"t0\"\nplan = \"overflow\"
[[assistant]]\nname = \"Robin\"\n"
        .to_string();
    for (number, trunk) in trunks.iter().enumerate() {
        let trunk = trunk.replace("NUMBER", &(10 + number).to_string());
        text += &format!("[[trunk]]\nname = \"t{number}\"\nchannels = 4\n{trunk}");
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("desk.toml"), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_firstring"))
        .args(["--json", "check", "-c", "desk.toml"])
        .args(more)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!told.contains(PASSWORD), "{told}");
    let found: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.last().unwrap()["configuration"], "read", "{told}");
    (output.status.code(), found)
}

/// Weight and words of each finding about this, the last one being what the carrier did.
fn said(found: &[Value], about: &str) -> Vec<(String, String)> {
    let text = |one: &Value| one.as_str().unwrap().to_string();
    found
        .iter()
        .filter(|finding| finding["about"] == about)
        .map(|finding| (text(&finding["weight"]), text(&finding["says"])))
        .collect()
}

/// A far end on loopback that keeps what it is sent.
struct Carrier {
    address: SocketAddr,
    got: Receiver<String>,
}

impl Carrier {
    fn silent() -> Carrier {
        Carrier::open(None)
    }

    /// `status` is what stands after the version in each answer; further headers may follow.
    fn answering(status: &'static str) -> Carrier {
        Carrier::open(Some(status))
    }

    fn open(status: Option<&'static str>) -> Carrier {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (keep, got) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if let Some(status) = status {
                    socket.send_to(answer(&request, status).as_bytes(), from).unwrap();
                }
                if keep.send(request).is_err() {
                    return;
                }
            }
        });
        Carrier { address, got }
    }
}

fn answer(request: &str, status: &str) -> String {
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let mut lines = vec![format!("SIP/2.0 {status}")];
    for line in request.lines().filter(|line| kept.iter().any(|name| line.starts_with(name))) {
        let tag = if line.starts_with("To:") { ";tag=carrier" } else { "" };
        lines.push(format!("{line}{tag}"));
    }
    lines.join("\r\n") + "\r\nContent-Length: 0\r\n\r\n"
}
