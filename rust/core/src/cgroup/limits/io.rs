//! Block devices.

use super::{Homes, Write, home, only};
use crate::cgroup::hierarchy::{Controller, Version};
use crate::spec::{BlockIo, ThrottleDevice};
use crate::{Error, Result};

/// Writes for block devices.
pub(super) fn plan(block: &BlockIo, homes: Homes<'_>) -> Result<Vec<Write>> {
    if *block == BlockIo::default() {
        return Ok(Vec::new());
    }
    let version = home(homes, Controller::Io, "blockIO")?;
    let mut writes = weights(block, version)?;
    let leaf = |weight: Option<u16>| weight.filter(|value| *value != 0);
    if let Some(weight) = leaf(block.leaf_weight) {
        writes.push(leaf_weight(version, "blockIO.leafWeight", "blkio.leaf_weight", weight.to_string())?);
    }
    for device in &block.weight_device {
        if let Some(weight) = leaf(device.leaf_weight) {
            let value = format!("{}:{} {weight}", device.major, device.minor);
            let what = "blockIO.weightDevice.leafWeight";
            writes.push(leaf_weight(version, what, "blkio.leaf_weight_device", value)?);
        }
    }
    for (list, what, v1, v2) in rates(block) {
        for rate in list {
            let device = format!("{}:{}", rate.major, rate.minor);
            let (file, value) = match version {
                Version::V1 => (v1, format!("{device} {}", rate.rate)),
                Version::V2 if rate.rate == 0 => ("io.max", format!("{device} {v2}=max")),
                Version::V2 => ("io.max", format!("{device} {v2}={}", rate.rate)),
            };
            writes.push(Write::new(Controller::Io, what, file, value));
        }
    }
    Ok(writes)
}

type Rates<'a> = (&'a [ThrottleDevice], &'static str, &'static str, &'static str);

/// The four lists of rates: their name, file of v1 and key of v2's `io.max`.
fn rates(block: &BlockIo) -> [Rates<'_>; 4] {
    [
        (
            &block.throttle_read_bps_device,
            "blockIO.throttleReadBpsDevice",
            "blkio.throttle.read_bps_device",
            "rbps",
        ),
        (
            &block.throttle_write_bps_device,
            "blockIO.throttleWriteBpsDevice",
            "blkio.throttle.write_bps_device",
            "wbps",
        ),
        (
            &block.throttle_read_iops_device,
            "blockIO.throttleReadIOPSDevice",
            "blkio.throttle.read_iops_device",
            "riops",
        ),
        (
            &block.throttle_write_iops_device,
            "blockIO.throttleWriteIOPSDevice",
            "blkio.throttle.write_iops_device",
            "wiops",
        ),
    ]
}

/// Weights: CFQ's files (until Linux 4.20), BFQ's, or those of v2's io.cost.
fn weights(block: &BlockIo, version: Version) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    if let Some(weight) = block.weight.filter(|value| *value != 0) {
        let what = "blockIO.weight";
        check(what, weight)?;
        writes.push(match version {
            Version::V1 => {
                Write::new(Controller::Io, what, "blkio.weight", weight).or("blkio.bfq.weight", weight)
            }
            Version::V2 => Write::new(Controller::Io, what, "io.bfq.weight", weight)
                .or("io.weight", format!("default {}", cost(weight))),
        });
    }
    for device in &block.weight_device {
        let Some(weight) = device.weight.filter(|value| *value != 0) else { continue };
        let what = "blockIO.weightDevice";
        check(what, weight)?;
        let name = format!("{}:{}", device.major, device.minor);
        let raw = format!("{name} {weight}");
        writes.push(match version {
            Version::V1 => Write::new(Controller::Io, what, "blkio.weight_device", &raw)
                .or("blkio.bfq.weight_device", &raw),
            Version::V2 => Write::new(Controller::Io, what, "io.bfq.weight", &raw)
                .or("io.weight", format!("{name} {}", cost(weight))),
        });
    }
    Ok(writes)
}

fn leaf_weight(version: Version, what: &'static str, file: &str, value: String) -> Result<Write> {
    match version {
        Version::V1 => Ok(Write::new(Controller::Io, what, file, value)),
        Version::V2 => Err(only(Version::V1, what)),
    }
}

fn check(what: &str, weight: u16) -> Result<()> {
    if (10..=1000).contains(&weight) {
        return Ok(());
    }
    Err(Error::invalid(format!("{what}: {weight} is not between 10 and 1000")))
}

/// A weight of blkio (10 to 1000) as one of v2's io.weight (1 to 10000), as runc does.
fn cost(weight: u16) -> u64 {
    1 + (u64::from(weight) - 10) * 9999 / 990
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_several_devices_keep_their_order() {
        let rate = |minor, rate| ThrottleDevice { major: 8, minor, rate };
        let block = BlockIo {
            throttle_read_bps_device: vec![rate(0, 1000), rate(16, 2000)],
            throttle_write_iops_device: vec![rate(0, 0)],
            ..BlockIo::default()
        };
        let texts = |version| {
            let writes = plan(&block, &|_| Some(version)).unwrap();
            writes.iter().map(|one| one.choices[0].1.clone()).collect::<Vec<_>>()
        };
        assert_eq!(texts(Version::V2), ["8:0 rbps=1000", "8:16 rbps=2000", "8:0 wiops=max"]);
        assert_eq!(texts(Version::V1), ["8:0 1000", "8:16 2000", "8:0 0"]);
    }

    #[test]
    fn weights_are_checked_and_converted() {
        assert_eq!([cost(10), cost(500), cost(1000)], [1, 4950, 10_000]);
        let block = BlockIo { weight: Some(5), ..BlockIo::default() };
        let error = plan(&block, &|_| Some(Version::V1)).unwrap_err();
        assert_eq!(error.message, "blockIO.weight: 5 is not between 10 and 1000");
    }
}
