"""Hosts in network namespaces of their own, joined by a bridge that nobody else sees; each link can be cut."""

import os
import shutil
import subprocess
from collections.abc import Sequence

import pytest

PREFIX = "10.213.74"
IP = shutil.which("ip") or "/usr/sbin/ip"


class NoNamespacesError(Exception):
    """Report a machine on which no network namespaces can be made."""


class Network:
    """Make a namespace for each host and one for what joins them."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._name = f"till-{os.getpid()}"
        self._lan = f"{self._name}-lan"
        self.hosts = hosts

    def address(self, host: str) -> str:
        """Tell the address of a host."""
        return f"{PREFIX}.{self.hosts.index(host) + 1}"

    def within(self, host: str) -> list[str]:
        """Write what stands before a command that is to run at a host."""
        return [IP, "netns", "exec", self._space(host)]

    def open(self) -> None:
        """Make everything; raises NoNamespacesError."""
        self._ip("netns", "add", self._lan)
        self._at(self._lan, "link", "add", "lan", "type", "bridge")
        self._at(self._lan, "link", "set", "lan", "up")
        for host in self.hosts:
            space = self._space(host)
            self._ip("netns", "add", space)
            self._ip("link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", host, "netns", self._lan)
            self._at(self._lan, "link", "set", host, "master", "lan")
            self._at(self._lan, "link", "set", host, "up")
            self._at(space, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
            self._at(space, "link", "set", "eth0", "up")
            self._at(space, "link", "set", "lo", "up")

    def cut(self, host: str) -> None:
        """Cut the link of a host: nobody is told, what is sent is lost."""
        self._at(self._lan, "link", "set", host, "down")

    def heal(self, host: str) -> None:
        """Join a host again."""
        self._at(self._lan, "link", "set", host, "up")

    def close(self) -> None:
        """Remove everything that was made."""
        for space in (*map(self._space, self.hosts), self._lan):
            subprocess.run([IP, "netns", "del", space], check=False, stderr=subprocess.DEVNULL)

    def _space(self, host: str) -> str:
        return f"{self._name}-{host}"

    def _at(self, space: str, *words: str) -> None:
        self._ip("-n", space, *words)

    def _ip(self, *words: str) -> None:
        try:
            subprocess.run([IP, *words], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoNamespacesError(getattr(error, "stderr", "") or str(error)) from error


def need(hosts: Sequence[str]) -> Network:
    """Open a network; where that is not possible, skip the test and say why."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces can only be made by root")
    network = Network(hosts)
    try:
        network.open()
    except NoNamespacesError as error:
        network.close()
        pytest.skip(f"this machine lets nobody make network namespaces: {str(error).strip()}")
    return network
