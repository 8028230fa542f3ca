//! Volumes and images as sources of mounts, opened in the caller's mount namespace.
//!
//! A volume is the directory `<root>/volumes/<name>` with its content in `_data`; or, with options of the `local`
//! driver, whatever these name. That is mounted detached, so that it appears in the container and nowhere else.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use rocker_sys::mount::{self, Context, attr};

use super::files;
use super::start::clone_path;
use crate::container::{MountOptions, mount_file_system, open_below};
use crate::spec::Mount;
use crate::{Error, Kind, Result};

/// Where a volume keeps its content, below its directory.
pub const DATA: &str = "_data";

/// A volume's or image's content as a detached tree.
#[derive(Debug)]
pub struct Source {
    /// What is mounted.
    pub tree: OwnedFd,
    /// The volume's own directory; None where the content lies elsewhere.
    pub directory: Option<OwnedFd>,
}

/// Opens a volume: `source` is its directory, `options` are those of its mount in the specification.
///
/// `shared-with=` names a container that has its tmpfs mounted. Understood are `driver-type=`, `driver-o=` and `driver-device=` (the local driver's `type`, `o` and `device`), and
/// `subpath=`. `NotFound`: the directory, the device or the subpath is not there.
pub fn open_volume(source: &Path, options: &[String]) -> Result<Source> {
    let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let subpath = value(options, "subpath");
    let directory = files::directory(source).map_err(|error| {
        let message = format!("the directory of volume `{name}` is missing: {}", source.display());
        error.message(message).hint(format!("rocker volume rm {name} forgets it"))
    })?;
    let Some(kind) = value(options, "driver-type") else {
        let data = below(directory.as_fd(), DATA, false)?;
        let tree = clone(data.as_fd(), subpath, &name)?;
        return Ok(Source { tree, directory: subpath.is_none().then_some(directory) });
    };
    let device = value(options, "driver-device").unwrap_or_default();
    let words: Vec<String> =
        value(options, "driver-o").unwrap_or_default().split(',').map(str::to_owned).collect();
    if let Some(tree) = shared(options)? {
        let tree = if subpath.is_some() { clone(tree.as_fd(), subpath, &name)? } else { tree };
        return Ok(Source { tree, directory: None });
    }
    let tree = mount_driver(kind, device, &words, subpath, &name).map_err(|error| {
        let reason = error
            .errno
            .map_or_else(|| error.message.clone(), |errno| Errno::from_raw(errno).desc().to_lowercase());
        let message = format!(
            "error while mounting volume '{}': failed to mount local volume: mount {device}: {reason}",
            source.join(DATA).display(),
        );
        let step = error.message.clone();
        error.message(message).hint(step)
    })?;
    Ok(Source { tree, directory: None })
}

/// The tmpfs that a running container has already: `shared-with=PID:PID OF ITS SHIM:TARGET`.
fn shared(options: &[String]) -> Result<Option<OwnedFd>> {
    let Some(text) = value(options, "shared-with") else { return Ok(None) };
    let mut parts = text.splitn(3, ':');
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    let (Some(pid), Some(shim)) = (number(), number()) else {
        return Err(Error::invalid("`shared-with` names no process"));
    };
    crate::view::clone_tmpfs(pid, shim, Path::new(parts.next().unwrap_or("/")))
}

/// Opens an image, read-only: `root` is the data root, `options` have a `layer=` for each layer, lowest first, relative
/// to it, and perhaps `subpath=`.
pub fn open_image(root: &Path, options: &[String]) -> Result<Source> {
    let root = files::directory(root)?;
    Ok(Source { tree: image_below(root.as_fd(), options)?, directory: None })
}

/// Whether an image's tree is an overlay of its own, whose owners cannot be mapped.
pub fn has_layers(options: &[String]) -> bool {
    options.iter().filter(|option| option.starts_with("layer=")).count() > 1
}

/// The tree of [`open_image`] from the data root as a descriptor, which may be a detached clone.
pub fn image_below(root: BorrowedFd<'_>, options: &[String]) -> Result<OwnedFd> {
    let layers = options.iter().filter_map(|option| option.strip_prefix("layer="));
    let layers: Vec<OwnedFd> = layers.map(|layer| open_below(root, layer)).collect::<Result<_>>()?;
    let subpath = value(options, "subpath");
    let tree = match layers.as_slice() {
        [] => return Err(Error::invalid("an image without layers cannot be mounted")),
        [layer] => clone(layer.as_fd(), subpath, "image")?,
        layers => match subpath {
            None => overlay(layers)?,
            Some(_) => clone(overlay(layers)?.as_fd(), subpath, "image")?,
        },
    };
    mount::set_attributes(tree.as_fd(), attr::RDONLY, 0, None, false)
        .map_err(|errno| Error::sys("make the image read-only", errno))?;
    Ok(tree)
}

/// The source of a bind, volume or image of a specification, opened; None for what has none.
pub fn source_of(mount: &Mount) -> Result<Option<Source>> {
    let Some(source) = &mount.source else { return Ok(None) };
    let has = |wanted: &str| mount.options.iter().any(|option| option == wanted);
    match mount.kind.as_str() {
        "volume" => open_volume(source, &mount.options).map(Some),
        "image" => open_image(source, &mount.options).map(Some),
        kind if kind == "bind" || has("bind") || has("rbind") => {
            let tree = clone_path("open the source of a bind", source, has("rbind"))?;
            Ok(Some(Source { tree, directory: None }))
        }
        _ => Ok(None),
    }
}

fn overlay(layers: &[OwnedFd]) -> Result<OwnedFd> {
    let context = Context::open(c"overlay").map_err(|errno| Error::sys("fsopen overlay", errno))?;
    for layer in layers.iter().rev() {
        context
            .descriptor(c"lowerdir+", layer.as_fd())
            .map_err(|errno| Error::sys("set overlay option lowerdir+", errno))?;
    }
    context.create().map_err(|errno| Error::sys("create overlay", errno))?;
    context.mount(attr::RDONLY).map_err(|errno| Error::sys("fsmount overlay", errno))
}

fn value<'o>(options: &'o [String], key: &str) -> Option<&'o str> {
    options.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix('='))
}

/// What the local driver's options name: a bind, or a file system.
fn mount_driver(
    kind: &str,
    device: &str,
    words: &[String],
    subpath: Option<&str>,
    name: &str,
) -> Result<OwnedFd> {
    let options = MountOptions::parse(words)?;
    if options.bind {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let source = open(device, flags, Mode::empty()).map_err(|errno| Error::at("open", device, errno))?;
        let tree = clone(source.as_fd(), subpath, name)?;
        mount::set_attributes(tree.as_fd(), options.set, options.clear & !options.set, None, false)
            .map_err(|errno| Error::sys("set mount options", errno))?;
        return Ok(tree);
    }
    if let Some(word) = options.propagation {
        return Err(Error::invalid(format!("propagation {word:?} is for binds: add `bind` to `o`")));
    }
    let tree = mount_file_system(kind, Some(Path::new(device)), &options)?;
    match subpath {
        None => Ok(tree),
        Some(_) => clone(tree.as_fd(), subpath, name),
    }
}

/// A detached copy of a directory with the mounts below it, or of what is at `subpath` in it.
///
/// The kernel resolves the subpath, links in it too, and never leaves the directory (openat2(2)): what is swapped by a
/// container meanwhile leads nowhere else, and what was opened is what is mounted.
fn clone(directory: BorrowedFd<'_>, subpath: Option<&str>, name: &str) -> Result<OwnedFd> {
    let found;
    let source = match subpath {
        None => directory,
        Some(path) => {
            found = below(directory, path, true).map_err(|error| explain(error, path, name))?;
            found.as_fd()
        }
    };
    mount::clone_tree(source, c"", true).map_err(|errno| match errno {
        // Linux 6.15 clones below a mount that is not attached.
        Errno::EINVAL => Error::unsupported(format!(
            "volume `{name}`: this kernel cannot mount a subpath of what a driver mounts"
        )),
        Errno::EPERM => Error::sys("clone a volume", errno).hint("root with CAP_SYS_ADMIN is needed"),
        _ => Error::sys("clone a volume", errno),
    })
}

fn below(directory: BorrowedFd<'_>, path: &str, any: bool) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | if any { OFlag::empty() } else { OFlag::O_DIRECTORY };
    let links = if any { ResolveFlag::empty() } else { ResolveFlag::RESOLVE_NO_SYMLINKS };
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS | links;
    let name = CString::new(path).map_err(|_| Error::invalid("a path with a zero byte"))?;
    loop {
        // EAGAIN: a rename elsewhere made the kernel unsure whether `..` stayed inside.
        match openat2(directory, name.as_c_str(), OpenHow::new().flags(flags).resolve(resolve)) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            other => return other.map_err(|errno| Error::at("open", path, errno)),
        }
    }
}

fn explain(error: Error, path: &str, name: &str) -> Error {
    match error.errno.map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => error
            .kind(Kind::NotFound)
            .message(format!("cannot access path {path} of volume `{name}`: no such file or directory")),
        Some(Errno::EXDEV) => {
            error.kind(Kind::Invalid).message(format!("subpath {path} leads out of volume `{name}`"))
        }
        _ => error,
    }
}
