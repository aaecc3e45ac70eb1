"""Fetches Debian and Ubuntu packages without installing them, and without root.

apt runs with its state, cache and source lists in a directory of ours. The
lists are derived from the machine's own, so mirrors, keys and proxies that are
set up for the machine are used here too; only the suite may be another one
(a package that Debian 12 has too old, or not at all, is taken from Debian 13).
Packages are unpacked with `dpkg -x` and run from where they lie.
"""

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

# Debian releases to take a package from that the machine's own lacks or has too old.
OTHER_DEBIANS = ("trixie", "bookworm")
# Names by which a source list may call the machine's own Debian release.
ALIASES = ("stable", "oldstable", "testing", "unstable", "sid")

APT_CONF = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear APT::Default-Release;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear Acquire::IndexTargets::deb::CNF;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{dir}/sources.list.d";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{dir}/none";
Dir::State "{dir}/state";
Dir::State::status "{status}";
Dir::Cache "{dir}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "{dir}/log";
Debug::NoLocking "true";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "60";
Acquire::https::Timeout "60";
"""

_lock = threading.Lock()
_locks = {}
_failed = {}


class SetupError(Exception):
    """Something that cannot be had: what, why, and what to do about it."""

    def __init__(self, what, why, todo):
        super().__init__(what)
        self.what, self.why, self.todo = what, why, todo


def os_release():
    """The fields of /etc/os-release."""
    fields = {}
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        text = ""
    for line in text.splitlines():
        key, eq, value = line.partition("=")
        if eq:
            fields[key.strip()] = value.strip().strip("\"'")
    return fields


def own_suite():
    """The suite this machine runs, such as `bookworm` or `noble`."""
    release = os_release()
    suite = release.get("VERSION_CODENAME") or release.get("UBUNTU_CODENAME")
    if not suite or not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise SetupError(
            "packages of a Debian or Ubuntu archive",
            "this machine has no apt-get and dpkg, or /etc/os-release names no release",
            "run on Debian 12 or 13 or on Ubuntu 24.04, or set the MPYCOV_TEST_… variables of "
            "tests/common/targets.rs to programs you have",
        )
    return suite


def suites():
    """The suites to look for a package in, best first."""
    own = own_suite()
    others = OTHER_DEBIANS if os_release().get("ID") == "debian" else ()
    return [own, *(suite for suite in others if suite != own)]


def _stanzas(text):
    """The stanzas of a deb822 file, each a list of [field, value] pairs."""
    stanza = []
    for line in text.splitlines() + [""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if stanza:
                yield stanza
            stanza = []
        elif line[0] in " \t" and stanza:
            stanza[-1][1] += "\n" + line
        else:
            field, _, value = line.partition(":")
            stanza.append([field.strip(), value.strip()])


def _one_line(text):
    """The entries of a sources.list in the old form, as deb822 stanzas."""
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line.strip())
        if not found:
            continue
        options, uri, suite, components = found.groups()
        stanza = [["Types", "deb"], ["URIs", uri], ["Suites", suite]]
        if components.strip():
            stanza.append(["Components", components.strip()])
        names = {"arch": "Architectures", "signed-by": "Signed-By", "trusted": "Trusted"}
        for option in (options or "").split():
            key, _, value = option.partition("=")
            if key.lower() in names:
                stanza.append([names[key.lower()], value.replace(",", " ")])
        yield stanza


def derive_sources(suite):
    """The machine's own archive entries as deb822 text, for `suite`."""
    own, ubuntu = own_suite(), os_release().get("ID") == "ubuntu"
    names = (own,) if ubuntu else (own, *ALIASES)
    parts = Path("/etc/apt/sources.list.d")
    listed = [Path("/etc/apt/sources.list"), *sorted(parts.glob("*.list")), *sorted(parts.glob("*.sources"))]
    wanted = {name + pocket: suite + pocket for name in names for pocket in ("", "-updates", "-security")}
    out = []
    for path in listed:
        try:
            text = path.read_text()
        except OSError:
            continue
        for stanza in _stanzas(text) if path.suffix == ".sources" else _one_line(text):
            fields = {field.lower(): value for field, value in stanza}
            if "deb" not in fields.get("types", "").split() or fields.get("enabled", "").lower() == "no":
                continue
            new = [wanted[s] for s in fields.get("suites", "").split() if s in wanted]
            if not new or "main" not in fields.get("components", "").split():
                continue
            lines = []
            for field, value in stanza:
                changed = {"types": "deb", "suites": " ".join(new)}.get(field.lower(), value)
                if field.lower() == "components":
                    changed = "main universe" if ubuntu else "main"
                lines.append(f"{field}: {changed}")
            out.append("\n".join(lines) + "\n")
    if not out:
        raise SetupError(
            f"packages of {suite}",
            f"no entry for {own} was found in /etc/apt/sources.list and /etc/apt/sources.list.d",
            f"add the archive of {own} to apt's sources",
        )
    return "\n".join(out)


class Apt:
    """A private apt for one suite.

    With `bare`, the machine's installed packages are ignored: every package
    that is needed is fetched, down to the C library.
    """

    def __init__(self, base, suite, bare=False):
        self.suite = suite
        self.bare = bare
        self.dir = Path(base) / (suite + ("-bare" if bare else ""))
        with _lock:
            self._configure()

    def _configure(self):
        """Writes the configuration and the source list."""
        for sub in ("sources.list.d", "state/lists/partial", "cache/archives/partial", "log", "none"):
            (self.dir / sub).mkdir(parents=True, exist_ok=True)
        status = Path("/var/lib/dpkg/status")
        if self.bare or not status.exists():
            status = self.dir / "state/status"
            status.write_text("")
        self.conf = self.dir / "apt.conf"
        self.conf.write_text(APT_CONF.format(dir=self.dir, status=status))
        (self.dir / "sources.list.d/own.sources").write_text(derive_sources(self.suite))

    def run(self, *args, cwd=None):
        """Runs one apt command; gives back what it printed."""
        command = [args[0], "-q", "-c", str(self.conf), *args[1:]]
        env = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
        env.pop("APT_CONFIG", None)
        done = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        if done.returncode != 0:
            lines = done.stdout.strip().splitlines()
            lines = [line for line in lines if line.startswith("E: ")] or lines
            raise SetupError(
                f"packages of {self.suite}",
                f"`{' '.join(args[:2])}` failed:\n" + "\n".join(lines[-4:]),
                "check that the machine reaches its package archive (`apt-get update`), then run this again",
            )
        return done.stdout

    def update(self):
        """Fetches the package lists, once for all the targets that are set up together."""
        with _lock:
            lock = _locks.setdefault(self.dir, threading.Lock())
        with lock:
            if self.dir in _failed:
                raise _failed[self.dir]
            if (self.dir / "updated").exists():
                return
            try:
                self.run("apt-get", "update", "-o", "APT::Update::Error-Mode=any")
            except SetupError as error:
                _failed[self.dir] = error
                raise
            (self.dir / "updated").write_text("")

    def candidate(self, package):
        """The version of a package this suite has, or None."""
        self.update()
        found = re.search(r"^\s*Candidate: (.*)$", self.run("apt-cache", "policy", package), re.M)
        return found[1] if found and found[1] != "(none)" else None

    def fetch(self, dest, packages, needs=True):
        """Unpacks packages to `dest`; with `needs`, also all they need that is not installed.

        Without `needs`, exactly the packages named. Gives back their file names, sorted.
        """
        self.update()
        debs = Path(dest).with_name(Path(dest).name + ".debs")
        shutil.rmtree(debs, ignore_errors=True)
        (debs / "partial").mkdir(parents=True)
        if needs:
            self.run(
                "apt-get", "install", "-y", "--download-only", "--no-install-recommends",
                "-o", f"Dir::Cache::archives={debs}/", *packages,
            )
        else:
            self.run("apt-get", "download", *packages, cwd=debs)
        files = sorted(debs.glob("*.deb"))
        Path(dest).mkdir(parents=True, exist_ok=True)
        for deb in files:
            # Beside the machine's loader only the machine's own C library works.
            if deb.name.startswith(("libc6_", "libc-bin_")) and not self.bare:
                continue
            subprocess.run(["dpkg", "-x", str(deb), str(dest)], check=True)
        names = [deb.name for deb in files]
        shutil.rmtree(debs)
        return names


def find(base, package, minimum=""):
    """The first suite that has `package` in at least version `minimum`."""
    seen = []
    for suite in suites():
        try:
            version = Apt(base, suite).candidate(package)
        except SetupError as error:
            # Only a release that is not the machine's own may be out of reach.
            if suite == own_suite():
                raise
            seen.append(f"{suite}: {error.why}")
            continue
        seen.append(f"{suite}: {version or 'none'}")
        enough = ["dpkg", "--compare-versions", version or "", "ge", minimum or "0"]
        if version and subprocess.run(enough, check=False).returncode == 0:
            return suite
    raise SetupError(
        f"the package {package}" + (f" in version {minimum} or later" if minimum else ""),
        "the archive has\n" + "\n".join(seen),
        "use Debian 12 or 13 or Ubuntu 24.04, or set the MPYCOV_TEST_… variable of "
        "tests/common/targets.rs to one you have",
    )


def library_dirs(root):
    """The directories of an unpacked tree that the dynamic linker must know."""
    found = []
    for base in (Path(root) / "usr/lib", Path(root) / "lib"):
        found += [base, *sorted(base.glob("*-linux-gnu*"))]
        # What /etc/ld.so.conf.d or a program's own search path would name.
        found += [path for name in ("pulseaudio", "blas", "lapack") for path in sorted(base.glob(f"*-linux-gnu*/{name}"))]
    return [path for path in found if path.is_dir() and any(path.glob("lib*.so*"))]
