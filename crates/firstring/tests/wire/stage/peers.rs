//! Phones and load that are not ours: SIPp and baresip.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Whether the peers' tests can run.
pub fn are_here() -> bool {
    have(&["sipp", "baresip"])
}

/// Whether these programs can be run. Without them tests fail and say what to do, unless that was said to be meant.
pub fn have(programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return true;
    }
    let meant = std::env::var_os("FIRSTRING_WITHOUT_PEERS").is_some_and(|value| value == "1");
    assert!(
        meant,
        "{} not installed: run `make deps-test`, or set FIRSTRING_WITHOUT_PEERS=1 to go without",
        missing.join(", ")
    );
    false
}

fn is_installed(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// A scenario beside these tests.
pub fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/scripts").join(name)
}

/// SIPp with what every run of it needs.
pub fn sipp(scenario_name: &str, folder: &Path) -> Command {
    let mut sipp = Command::new("sipp");
    sipp.current_dir(folder).arg("-sf").arg(scenario(scenario_name));
    sipp.args([
        "-i",
        "127.0.0.1",
        "-mi",
        "127.0.0.1",
        "-nostdin",
        "-trace_err",
        "-error_file",
        "sipp-errors.log",
    ]);
    sipp
}

/// A process of a peer; it ends when dropped.
pub struct Peer {
    child: Child,
    told: PathBuf,
}

impl Peer {
    /// Starts it; what it prints is kept beside its files.
    pub fn start(command: &mut Command, folder: &Path, name: &str) -> Peer {
        let told = folder.join(format!("{name}.out"));
        let out = File::create(&told).unwrap();
        command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        let child = command.spawn().unwrap_or_else(|problem| panic!("{command:?}: {problem}"));
        Peer { child, told }
    }

    /// Waits for its own end.
    pub fn ends_within(&mut self, limit: Duration) -> std::process::ExitStatus {
        super::waiting::wait_until("the peer ends", limit, || self.child.try_wait().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let told = fs::read(&self.told).unwrap_or_default();
            let told = String::from_utf8_lossy(&told);
            let end = told.len().saturating_sub(3_000);
            eprintln!("--- {}\n{}", self.told.display(), told.get(end..).unwrap_or(&told));
        }
    }
}

/// A person's phone: SIPp signals, and offers the sound of `sound_port`.
pub fn phone(scenario_name: &str, port: u16, sound_port: u16, folder: &Path) -> Peer {
    let mut sipp = sipp(scenario_name, folder);
    sipp.args(["-m", "1", "-p", &port.to_string(), "-key", "sound_port", &sound_port.to_string()]);
    Peer::start(&mut sipp, folder, "phone")
}

/// Who a phone is, and what it knows.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// The number it shows.
    pub number: &'a str,
    /// The name and password it answers challenges with.
    pub login: Option<(&'a str, &'a str)>,
    /// The one codec it has.
    pub codec: &'a str,
    /// How it encrypts sound, if it does: then its signalling goes over TLS. Source: baresip's `mediaenc`.
    pub encrypts: Option<&'a str>,
}

/// baresip calls a URI, says what the WAV file holds, records, and leaves after `seconds`.
pub fn baresip(uri: &str, account: Account<'_>, seconds: u32, says: &Path, folder: &Path) -> Peer {
    let home = folder.join("baresip");
    fs::create_dir_all(&home).unwrap();
    // The codecs come before the account that names one of them.
    let modules = ["g711", "g722", "opus", "srtp", "aufile", "sndfile", "menu", "account"];
    let modules: String = modules.iter().map(|name| format!("module {name}.so\n")).collect();
    let (says, kept) = (says.display(), home.display());
    let config = format!(
        "sip_listen 127.0.0.1:0\naudio_source aufile,{says}\naudio_player aufile,{kept}/played.wav\n\
         audio_channels 1-1\nausrc_srate 8000\nauplay_srate 8000\nsnd_path {kept}\nmodule_path {}\n{modules}",
        module_path().display()
    );
    fs::write(home.join("config"), config).unwrap();
    let Account { number, login, codec, encrypts } = account;
    let login =
        login.map(|(name, password)| format!(";auth_user={name};auth_pass={password}")).unwrap_or_default();
    let format = match codec {
        "G722" => "16000/1",
        "opus" => "48000/2",
        _ => "8000/1",
    };
    let (over, encryption) = match encrypts {
        Some(kind) => (";transport=tls", format!(";mediaenc={kind}")),
        None => ("", String::new()),
    };
    let account =
        format!("<sip:{number}@127.0.0.1{over}>;regint=0;audio_codecs={codec}/{format}{encryption}{login}\n");
    fs::write(home.join("accounts"), account).unwrap();
    fs::write(home.join("contacts"), "").unwrap();
    let mut baresip = Command::new("baresip");
    baresip.arg("-f").arg(&home).args(["-e", &format!("/dial {uri}{over}"), "-t", &seconds.to_string()]);
    Peer::start(&mut baresip, folder, "baresip")
}

/// Where baresip keeps its modules.
pub fn module_path() -> PathBuf {
    let places = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"];
    places.iter().map(PathBuf::from).find(|place| place.is_dir()).unwrap_or_else(|| places[0].into())
}

/// What baresip heard, as the sndfile module kept it.
pub fn heard_by_baresip(folder: &Path) -> Vec<i16> {
    let kept = fs::read_dir(folder.join("baresip")).unwrap().map(|file| file.unwrap().path());
    let decoded = kept.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).max();
    super::sound::read_wave(&decoded.expect("baresip recorded what it heard"))
}

/// Writes µ-law as recorded RTP: packets of 20 ms in Ethernet frames. Sources: the libpcap file format; RFC 791, 768, 3550.
pub fn write_pcap(path: &Path, sound: &[u8]) {
    let mut file = Vec::new();
    let (snapshot, ethernet) = (65_535_u32, 1_u32);
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(snapshot.to_le_bytes());
    file.extend(ethernet.to_le_bytes());
    for (n, piece) in sound.chunks_exact(160).enumerate() {
        let frame = ethernet_frame(&super::sound::rtp(n as u16, n as u32 * 160, piece));
        let at = n as u32 * 20;
        for field in [at / 1_000, at % 1_000 * 1_000, frame.len() as u32, frame.len() as u32] {
            file.extend(field.to_le_bytes());
        }
        file.extend(frame);
    }
    fs::write(path, file).unwrap();
}

/// UDP over IPv4 over Ethernet. Addresses and ports are replaced by who plays it.
fn ethernet_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((payload.len() as u16 + 28).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    for port in [10_000_u16, 10_002] {
        frame.extend(port.to_be_bytes());
    }
    frame.extend((payload.len() as u16 + 8).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}
