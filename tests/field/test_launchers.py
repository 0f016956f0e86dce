"""Ways to start a run: no environment, no network, launchers that are not MPI's, nodes of many cores."""

import glob
import os
import re
import shutil
import subprocess

import support
import command  # found by support
from support import CommandTest, command_line, is_sanitized

SWEEP = """\
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: [4, 6], spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""
REFUSED = 2


class LauncherTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.text = self.sweep(SWEEP)

    def start(self, line, environment=None, **options):
        """Runs a whole command line in this test's folder; what ended, with both streams as one text."""
        return subprocess.run(line, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, **options)

    def run_line(self, output, *options, **how):
        return command_line("run", self.text, "-o", output, "--progress", "none", *options, **how)

    def assert_runs(self, line, output, environment=None):
        ended = self.start(line, environment)
        self.assertEqual(ended.returncode, 0, ended.stdout)
        self.assert_same_results(self.path(output), self.run_sweep(self.text, "reference.h5", "--overwrite"))

    def assert_refused(self, line, pattern, environment=None):
        """And nothing is left."""
        ended = self.start(line, environment)
        self.assertEqual(ended.returncode, REFUSED, ended.stdout)
        self.assertRegex(ended.stdout, pattern)
        self.assertEqual(glob.glob(self.path("*.h5*")), [])
        return ended.stdout


class Bare(LauncherTest):
    """A single rank needs no daemon: no ssh, no network, no variables."""

    def test_no_environment(self):
        """But what the last bits depend on."""
        kept = [f"{name}={value}" for name, value in os.environ.items() if name == "OPENBLAS_CORETYPE"]
        self.assert_runs(["env", "-i", *kept, *self.run_line("out.h5")], "out.h5")

    def test_no_network(self):
        if os.geteuid() != 0 or shutil.which("unshare") is None:
            self.skipTest("needs root, and unshare")
        self.assert_runs(["unshare", "--net", *self.run_line("out.h5")], "out.h5")

    def test_no_folder_shared_with_others(self):
        """Single ranks of one user on one host would have the same one, and each take it away from the others."""
        own = {**os.environ, "TMPDIR": self.path("tmp")}
        self.assert_runs(self.run_line("out.h5"), "out.h5", own)
        self.assertFalse(os.path.exists(self.path("tmp")))

    def opened_transports(self, ranks=None, **variables):
        """The kinds of Open MPI's plug-ins for messages of which one was loaded, with these variables beside the usual ones."""
        usual = {name: value for name, value in os.environ.items() if not name.startswith("OMPI_MCA_")}
        trace = self.path("loaded")
        ended = self.start(self.run_line("out.h5", "--overwrite", ranks=ranks),
                           {**usual, "HOME": str(self.folder), "LD_DEBUG": "files", "LD_DEBUG_OUTPUT": trace, **variables})
        self.assertEqual(ended.returncode, 0, ended.stdout)
        loaded = ""
        for path in glob.glob(trace + ".*"):
            with open(path, encoding="utf-8", errors="replace") as lines:
                loaded += lines.read()
            os.remove(path)
        return set(re.findall(r"mca_((?:pml|btl|mtl)_\w+)\.so", loaded))

    def test_least_transport(self):
        """One that sends to itself alone does not open the transports of clusters, unless the user has a say in it."""
        if not self.opened_transports(OMPI_MCA_pml="^none"):
            self.skipTest("this MPI library has no such plug-ins")
        self.assertEqual(self.opened_transports(), {"pml_ob1", "btl_self"})
        self.assertGreater(len(self.opened_transports(OMPI_MCA_btl="self,tcp")), 2)
        os.makedirs(self.path(".openmpi"))
        self.sweep("btl = self,tcp\n", ".openmpi/mca-params.conf")
        self.assertIn("btl_tcp", self.opened_transports())

    def test_transport_of_a_host(self):
        """Nor do ranks of one host open what finds the fabrics of clusters, unless the user has a say in it."""
        if "pml_cm" not in self.opened_transports(ranks=2, OMPI_MCA_btl="self,vader"):
            self.skipTest("this MPI library has no such plug-in")
        opened = self.opened_transports(ranks=2)
        self.assertEqual({name for name in opened if name.startswith(("pml", "mtl"))}, {"pml_ob1"})
        self.assertIn("btl_vader", opened)

    @command.only_open_mpi("its singletons alone want a daemon")
    def test_a_variable_of_the_user_wins(self):
        """He may want the daemon: where there is no ssh, Open MPI then cannot start, and says why."""
        ended = self.start(self.run_line("out.h5"), {"OMPI_MCA_ess_singleton_isolated": "0", "PATH": "/nowhere"})
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("ssh", ended.stdout)


class OtherLaunchers(LauncherTest):
    def with_variables(self, **variables):
        return {**os.environ, **{name: str(value) for name, value in variables.items()}}

    def test_another_mpi(self):
        """Each of its processes would be a run of its own. The first one says so, and the others let it."""
        for names in (("PMI_SIZE", "PMI_RANK"), ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
                      ("MPI_LOCALNRANKS", "MPI_LOCALRANKID")):
            size, rank = names
            self.assert_refused(self.run_line("out.h5"), f"error: {size} says that 3 ranks were started, and MPI knows of one",
                                self.with_variables(**{size: 3, rank: 0}))
        text = self.assert_refused(self.run_line("out.h5"), "^$", self.with_variables(PMI_SIZE=3, PMI_RANK=1))
        self.assertEqual(text, "")

    def test_another_mpi_of_one_process(self):
        self.assert_runs(self.run_line("out.h5"), "out.h5", self.with_variables(PMI_SIZE=1, PMI_RANK=0))

    def test_tasks_without_pmix(self):
        self.assert_refused(self.run_line("out.h5"), "error: srun has started 4 tasks .* srun --mpi=pmix",
                            self.with_variables(SLURM_STEP_ID=0, SLURM_STEP_NUM_TASKS=4, SLURM_PROCID=0, SLURM_NTASKS=4))

    def test_one_task(self):
        """Of srun --mpi=none, or the second program of a step: the step's PMIx is not asked."""
        self.assert_runs(self.run_line("out.h5"), "out.h5",
                         self.with_variables(SLURM_JOB_ID=7, SLURM_JOBID=7, SLURM_NODELIST="localhost", SLURM_PROCID=0,
                                             SLURM_STEP_ID=0, SLURM_STEP_NUM_TASKS=1,
                                             PMIX_RANK=0, PMIX_NAMESPACE="slurm.pmix.7.0",
                                             PMIX_SERVER_URI2="pmix-server.1;tcp4://127.0.0.1:1"))

    def test_job_script_without_srun(self):
        """The job has four tasks; its script is a process like any other, and so is the shell that salloc starts."""
        self.assert_runs(self.run_line("out.h5"), "out.h5",
                         self.with_variables(SLURM_JOB_ID=7, SLURM_NTASKS=4, SLURM_NPROCS=4, SLURM_PROCID=0))
        self.assert_runs(self.run_line("shell.h5"), "shell.h5",
                         self.with_variables(SLURM_JOB_ID=7, SLURM_NTASKS=4, SLURM_STEP_ID=0xfffffffa,
                                             SLURM_STEP_NUM_TASKS=4))


class ManyCores(LauncherTest):
    """A BLAS that starts a thread a core as it is loaded takes 128 of them, and their stacks, for `gradsweep info`."""

    def setUp(self):
        super().setUp()
        if is_sanitized():
            self.skipTest("sanitizers want the start of a process for themselves")

    def limited(self, line):
        library = support.tool("many_cores.so")
        return ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", "env", f"LD_PRELOAD={library}", *line]

    def test_limited_memory(self):
        path = self.run_sweep(self.text, "out.h5")
        for line in (command_line("info", path), command_line("check", path), command_line("plan", self.text),
                     command_line("--version"), self.run_line("more.h5")):
            ended = self.start(self.limited(line))
            self.assertEqual(ended.returncode, 0, ended.stdout)

    def test_the_users_number_wins(self):
        """And shows that the test tells the difference: with as many threads as cores there is no memory for them."""
        if "OpenBLAS" not in command.gradsweep("--version").stdout:
            self.skipTest("another BLAS than OpenBLAS starts no threads when it is loaded")
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "128"}
        self.assertNotEqual(self.start(self.limited(command_line("--version")), environment).returncode, 0)

    def test_arguments_are_kept(self):
        for argument in ("", "with space", "new\nline", "\u00e9\udcff", "*"):
            ended = self.start([*self.limited(command_line("info", argument))], errors="surrogateescape")
            self.assertEqual(ended.returncode, 1, ended.stdout)
            self.assertIn(f"gradsweep: error: {argument}: cannot open the file", ended.stdout)


if __name__ == "__main__":
    support.main()
