"""Where a browser comes from, in which order, and what is said when there is none."""

import sys
from types import SimpleNamespace

import pytest

from tools import find_browser
from tools.find_browser import NoBrowserError


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine without any browser; `machine.installed` lists the paths that would start."""

    there = SimpleNamespace(installed=[], commands=[], own=str(tmp_path / "playwright" / "chrome"))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(find_browser, "works", lambda path: path in there.installed)
    monkeypatch.setattr(find_browser.shutil, "which", lambda _: None)
    monkeypatch.setattr(find_browser, "MAC", ())
    monkeypatch.setattr(find_browser, "of_playwright", lambda: there.own)
    monkeypatch.setattr(find_browser, "may_install", lambda: False)

    def attempt(*command):
        there.commands.append(" ".join(command))
        return True

    monkeypatch.setattr(find_browser, "attempt", attempt)
    return there


def test_the_variable_comes_first(machine, monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/mine")
    monkeypatch.setattr(find_browser.shutil, "which", lambda name: f"/usr/bin/{name}")
    machine.installed = ["/mine", "/usr/bin/chromium"]
    assert find_browser.find_browser() == "/mine"


def test_a_variable_that_names_no_browser_is_an_error(machine, monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/typo")
    with pytest.raises(NoBrowserError, match=r"CHROMIUM.*/typo"):
        find_browser.find_browser()


def test_of_those_on_the_path_the_headless_shell_comes_first(machine, monkeypatch):
    monkeypatch.setattr(find_browser.shutil, "which", lambda name: f"/usr/bin/{name}")
    machine.installed = ["/usr/bin/chromium", "/usr/bin/chromium-headless-shell"]
    assert find_browser.find_browser() == "/usr/bin/chromium-headless-shell"


def test_then_the_path_past_stubs_that_do_not_start(machine, monkeypatch):
    monkeypatch.setattr(find_browser.shutil, "which", lambda name: f"/usr/bin/{name}")
    machine.installed = ["/usr/bin/google-chrome"]
    assert find_browser.find_browser() == "/usr/bin/google-chrome"
    assert machine.commands == []


def test_then_playwrights_own(machine, tmp_path):
    (tmp_path / "playwright").mkdir()
    (tmp_path / "playwright" / "chrome").touch()
    machine.installed = [machine.own]
    assert find_browser.find_browser() == machine.own
    assert machine.commands == [], "it was there already"


@pytest.mark.parametrize("package", ["chromium-headless-shell", "chromium"])
def test_then_debians_package_if_it_may_be_installed(machine, monkeypatch, package):
    monkeypatch.setattr(find_browser, "may_install", lambda: True)
    machine.installed = [f"/usr/bin/{package}"]
    installs = []

    def which(name):
        installs[:] = [each.split()[-1] for each in machine.commands if " install " in each]
        return f"/usr/bin/{name}" if name == package and name in installs else None

    monkeypatch.setattr(find_browser.shutil, "which", which)
    assert find_browser.find_browser() == f"/usr/bin/{package}"
    assert installs in (["chromium-headless-shell"], ["chromium-headless-shell", "chromium"])
    assert installs[-1] == package
    assert all(command.startswith("apt-get ") for command in machine.commands)


@pytest.mark.parametrize("may_install", [False, True])
def test_then_playwrights_download(machine, monkeypatch, may_install):
    monkeypatch.setattr(find_browser, "may_install", lambda: may_install)
    machine.installed = [machine.own]
    assert find_browser.find_browser() == machine.own
    assert machine.commands[-1] == f"{sys.executable} -m playwright install chromium"
    assert (len(machine.commands) > 1) is may_install


def test_otherwise_the_error_names_the_command(machine):
    with pytest.raises(
        NoBrowserError, match=r"apt-get install chromium-headless-shell.*playwright install"
    ):
        find_browser.find_browser()
    assert not [command for command in machine.commands if command.startswith("apt-get")]


OTHERS = [
    (find_browser.find_firefox, ["firefox-esr"], "firefox-esr"),
    (find_browser.find_webkit, ["WebKitWebDriver", "Xvfb"], "webkit2gtk-driver xvfb"),
]


@pytest.mark.parametrize(("find", "programs", "packages"), OTHERS)
def test_another_browser_is_installed_where_it_may_be(
    machine, monkeypatch, find, programs, packages
):
    def which(name):
        installed = any(command.startswith("apt-get install") for command in machine.commands)
        return f"/usr/bin/{name}" if name in programs and installed else None

    monkeypatch.setattr(find_browser, "may_install", lambda: True)
    monkeypatch.setattr(find_browser.shutil, "which", which)
    assert find() == f"/usr/bin/{programs[0]}"
    assert machine.commands[0].startswith("apt-get update")
    assert machine.commands[1].endswith(f" {packages}")
    assert find() == f"/usr/bin/{programs[0]}"
    assert len(machine.commands) == 2, "it was there already"


@pytest.mark.parametrize(("find", "programs", "packages"), OTHERS)
def test_for_another_browser_the_error_names_the_command_too(
    machine, monkeypatch, find, programs, packages
):
    monkeypatch.setattr(
        find_browser.shutil, "which", lambda name: name if name in programs[:-1] else None
    )
    with pytest.raises(NoBrowserError, match=f"`sudo apt-get install {packages}`"):
        find()
    assert machine.commands == []


def test_a_command_that_is_not_there_is_no_success(monkeypatch, tmp_path):
    assert find_browser.attempt(str(tmp_path / "nothing")) is False
    assert find_browser.works(str(tmp_path / "nothing")) is False
    assert find_browser.works(sys.executable) is True
