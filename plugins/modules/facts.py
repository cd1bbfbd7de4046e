#!/usr/bin/python
"""Ansible module: the facts of a host that a deploy reads, in half the time of ansible.builtin.setup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: facts
short_description: Look at a host, no further than a deploy needs
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Gathers what M(ansible.builtin.setup) says of the distribution, the platform, DNS, the network, Python, the service
    manager, processors and memory, under the same names and by Ansible's own code.
  - There, processors and memory come only with disks, mounts and devices, which take as long as everything else.
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Look at the host
  asgiway.django.facts:
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  type: dict
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.facts.ansible_collector import get_ansible_collector
from ansible.module_utils.facts.collector import BaseFactCollector
from ansible.module_utils.facts.hardware.linux import LinuxHardware
from ansible.module_utils.facts.namespace import PrefixFactNamespace
from ansible.module_utils.facts.network.linux import LinuxNetworkCollector
from ansible.module_utils.facts.system.distribution import DistributionFactCollector
from ansible.module_utils.facts.system.dns import DnsFactCollector
from ansible.module_utils.facts.system.platform import PlatformFactCollector
from ansible.module_utils.facts.system.python import PythonFactCollector
from ansible.module_utils.facts.system.service_mgr import ServiceMgrFactCollector


class ResourcesCollector(BaseFactCollector):  # type: ignore[misc]
    """Processors and memory, without the rest of the hardware."""

    name = "resources"

    def collect(self, module: Any = None, collected_facts: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the facts; of memory none where /proc cannot be read."""
        hardware = LinuxHardware(module)
        return {**hardware.get_cpu_facts(collected_facts=collected_facts), **hardware.get_memory_facts()}


COLLECTORS = [
    PlatformFactCollector,
    DistributionFactCollector,
    DnsFactCollector,
    LinuxNetworkCollector,
    PythonFactCollector,
    ServiceMgrFactCollector,
    ResourcesCollector,
]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    collector = get_ansible_collector(
        all_collector_classes=COLLECTORS,
        namespace=PrefixFactNamespace(namespace_name="ansible", prefix="ansible_"),
        gather_subset=["all"],
        minimal_gather_subset=frozenset(),
    )
    module.exit_json(ansible_facts=collector.collect(module=module))


if __name__ == "__main__":
    main()
