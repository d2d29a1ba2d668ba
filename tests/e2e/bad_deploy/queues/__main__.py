"""The service as it is."""

import runpy

runpy.run_module("services.queues", run_name="__main__", alter_sys=True)
