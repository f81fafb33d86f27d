# What a test's hub is like: Debian's own, with a spawner whose servers run
# without a process. Everything else is the hub's default.
import asyncio
import json
import os

from escapism import escape
from jupyterhub.spawner import Spawner

with open(os.environ["HUBAUDIT_TEST_HUB"]) as f:
    test = json.load(f)

safe = set("abcdefghijklmnopqrstuvwxyz0123456789")


class HeldSpawner(Spawner):
    """Keeps the state that KubeSpawner 7 keeps, with its slug scheme "escape".

    The option {"hold": true} leaves a start pending.
    """

    # As KubeSpawner's: it names a pod from the first, a claim once there is one,
    # and keeps to a claim and a namespace that it remembers.
    claim = None
    namespace = "jhub"

    def load_state(self, state):
        super().load_state(state)
        self.claim = state.get("pvc_name")
        self.namespace = state.get("namespace", self.namespace)

    @property
    def slug(self):
        names = (self.user.name, self.name)
        return "--".join(escape(n, safe=safe, escape_char="-").lower() for n in names if n)

    def get_state(self):
        state = super().get_state()
        state["kubespawner_version"] = "7.0.0"
        state["pod_name"] = "jupyter-" + self.slug
        state["namespace"] = self.namespace
        state["dns_name"] = f"jupyter-{self.slug}.{self.namespace}.svc.cluster.local"
        if self.claim:
            state["pvc_name"] = self.claim
        return state

    async def start(self):
        if self.user_options.get("hold"):
            await asyncio.Event().wait()
        self.claim = self.claim or "claim-" + self.slug
        return "127.0.0.1", test["serversPort"]

    async def poll(self):
        return None  # what the hub believes to run runs

    async def stop(self, now=False):
        pass


c = get_config()  # noqa: F821
c.JupyterHub.spawner_class = HeldSpawner
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.db_url = test["db"]
c.JupyterHub.bind_url = f"http://127.0.0.1:{test['publicPort']}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{test['hubPort']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{test['proxyPort']}"
# The folder among the arguments tells the reaper whose process it is.
c.ConfigurableHTTPProxy.command = [test["proxy"], "--pid-file", os.path.abspath("chp.pid")]
c.JupyterHub.cookie_secret_file = os.path.abspath("cookie_secret")
c.JupyterHub.allow_named_servers = True
c.JupyterHub.cleanup_servers = False
c.JupyterHub.concurrent_spawn_limit = 0
# A restart looks after a start that was held for this many seconds, then goes on.
c.JupyterHub.init_spawners_timeout = 1
# A start that is held answers as pending after this many seconds.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}
c.JupyterHub.services = [{"name": n, "api_token": s["token"]} for n, s in test["services"].items()]
c.JupyterHub.load_roles = [
    {"name": f"test-{n}", "scopes": s["scopes"], "services": [n]} for n, s in test["services"].items()
]
