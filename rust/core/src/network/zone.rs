//! What a container is told of names: its networks' records, fixed names, and whether somebody else is to be asked.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::dns::{self, Answer, Code, Question, kind};
use super::records::Records;

/// One network.
#[derive(Debug)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name: `web.mynet` is `web` of `mynet`.
    pub name: String,
    /// Its containers.
    pub records: Records,
}

/// All that is known without asking anybody.
#[derive(Debug, Default)]
pub struct Zone {
    /// In the order in which they are searched.
    pub networks: Vec<Network>,
    /// Names with fixed addresses, in lower case: before all others.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Which of several containers comes first.
    turn: usize,
}

impl Zone {
    /// Of these networks and fixed names.
    pub fn new(networks: Vec<Network>, hosts: BTreeMap<String, Vec<IpAddr>>) -> Self {
        Self { networks, hosts, turn: 0 }
    }

    /// The answer, or None where others are to be asked.
    pub fn answer(&mut self, question: &Question<'_>) -> Option<Answer> {
        const INTERNET: u16 = 1;
        if question.class != INTERNET {
            return Some(Answer::None(Code::Refused));
        }
        let name = question.name.as_deref()?;
        if question.kind == kind::PTR {
            return self.name_of(dns::reversed(name)?).map(Answer::Name);
        }
        let addresses = self.addresses_of(name)?;
        Some(Answer::Addresses(addresses))
    }

    /// All addresses of a name, one container after another in turn.
    fn addresses_of(&mut self, name: &str) -> Option<Vec<IpAddr>> {
        if let Some(fixed) = self.hosts.get(name) {
            return Some(fixed.clone());
        }
        for network in &mut self.networks {
            let label = name
                .strip_suffix(network.name.to_ascii_lowercase().as_str())
                .and_then(|rest| rest.strip_suffix('.'));
            let called = |one: &String| {
                one.eq_ignore_ascii_case(name) || label.is_some_and(|label| one.eq_ignore_ascii_case(label))
            };
            let mut found: Vec<&Vec<IpAddr>> = network
                .records
                .now()
                .filter(|record| record.names.iter().any(called))
                .map(|record| &record.addresses)
                .collect();
            if found.is_empty() {
                continue;
            }
            found.sort();
            self.turn = self.turn.wrapping_add(1);
            let first = self.turn % found.len();
            found.rotate_left(first);
            return Some(found.into_iter().flatten().copied().collect());
        }
        None
    }

    /// The name of an address, with its network's.
    fn name_of(&mut self, address: IpAddr) -> Option<String> {
        self.networks.iter_mut().find_map(|network| {
            let record = network.records.now().find(|record| record.addresses.contains(&address))?;
            Some(format!("{}.{}", record.names.first()?, network.name))
        })
    }
}

/// The servers of a resolv.conf(5); those of a link alone (`fe80::1%eth0`) are left out.
pub fn servers(resolv_conf: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok()).flatten()
    };
    resolv_conf.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::super::records::Record;
    use super::*;
    use std::os::fd::AsFd;

    fn ask(zone: &mut Zone, name: &str, kind: u16) -> Option<Answer> {
        let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        zone.answer(&dns::read(&message).unwrap())
    }

    #[test]
    fn names_aliases_networks_and_addresses_are_known() {
        let run = tempfile::tempdir().unwrap();
        let fd = std::fs::File::open(run.path()).unwrap();
        for (container, names, addresses) in [
            ("a", ["web", "shared"], ["10.0.0.2", "fd00::2"]),
            ("b", ["db", "shared"], ["10.0.0.3", "fd00::3"]),
        ] {
            Record {
                container: container.into(),
                names: names.map(String::from).to_vec(),
                addresses: addresses.map(|address| address.parse().unwrap()).to_vec(),
                shim_pid: 1,
            }
            .write(fd.as_fd(), "id")
            .unwrap();
        }
        let records = Records::open(fd.as_fd(), "id").unwrap();
        let mut zone = Zone {
            networks: vec![Network { id: "id".into(), name: "MyNet".into(), records }],
            hosts: [("fixed".to_owned(), vec!["1.2.3.4".parse().unwrap()])].into(),
            turn: 0,
        };
        let addresses = |texts: &[&str]| {
            Some(Answer::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect()))
        };
        for name in ["web", "WEB", "web.mynet"] {
            assert_eq!(ask(&mut zone, name, kind::A), addresses(&["10.0.0.2", "fd00::2"]), "{name}");
        }
        assert_eq!(ask(&mut zone, "fixed", kind::A), addresses(&["1.2.3.4"]));
        for name in ["nobody", "web.other", "mynet", "xweb", "web.mynet.com"] {
            assert_eq!(ask(&mut zone, name, kind::A), None, "{name}");
        }
        let name = ask(&mut zone, "3.0.0.10.in-addr.arpa", kind::PTR);
        assert_eq!(name, Some(Answer::Name("db.MyNet".into())));
        assert_eq!(ask(&mut zone, "9.0.0.10.in-addr.arpa", kind::PTR), None);
        let first = |answer: Option<Answer>| match answer {
            Some(Answer::Addresses(addresses)) => (addresses.len(), addresses[0]),
            other => panic!("{other:?}"),
        };
        let turns = [0, 1].map(|_| first(ask(&mut zone, "shared", kind::A)));
        assert_eq!((turns[0].0, turns[1].0), (4, 4));
        assert_ne!(turns[0].1, turns[1].1);
    }

    #[test]
    fn servers_are_read_from_resolv_conf() {
        let text = "# x\nsearch corp\nnameserver 10.0.0.1\n nameserver ::1 # y\nnameserver fe80::1%eth0\nnameserver\n";
        assert_eq!(servers(text), ["10.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
    }
}
