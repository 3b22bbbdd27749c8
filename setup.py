"""The extension's sources and flags; everything else about the build stands in pyproject.toml.

Two environment variables change the build:

TASKVISOR_WERROR=1                     warnings are on and are errors
TASKVISOR_SANITIZE=address,undefined   built with these sanitizers (any list the compiler knows)

A change of either is not seen by a build that finds the module up to date: use `build_ext --force`
or a fresh build directory. A changed source or header is.
"""

import os
from glob import glob

from setuptools import Extension, setup

FLAGS = ["-std=c11", "-O2", "-fvisibility=hidden", "-ffp-contract=off", "-pthread"]
LINK = ["-pthread"]

if os.environ.get("TASKVISOR_WERROR") == "1":
    FLAGS += ["-Wall", "-Wextra", "-Wshadow", "-Wswitch-enum", "-Wmissing-prototypes", "-Werror"]
if sanitizers := os.environ.get("TASKVISOR_SANITIZE"):
    FLAGS += [f"-fsanitize={sanitizers}", "-fno-omit-frame-pointer", "-g"]
    LINK += [f"-fsanitize={sanitizers}"]

setup(
    ext_modules=[
        Extension(
            "taskvisor._core",
            sources=sorted(
                source for part in ("core", "rt", "ext") for source in glob(f"csrc/{part}/*.c")
            ),
            depends=sorted(glob("csrc/**/*.h", recursive=True)),
            include_dirs=["csrc"],
            extra_compile_args=FLAGS,
            extra_link_args=LINK,
        )
    ]
)
