"""Builds the wheel: compiles, links, packs. Needs a C compiler and nothing else (PEP 517)."""

# ruff: noqa: T201 - what a build prints is what the test is about
from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
NAME = "native-1.0"
TAG = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
METADATA = {
    "METADATA": "Metadata-Version: 2.1\nName: native\nVersion: 1.0\n",
    "WHEEL": f"Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: false\nTag: {TAG}\n",
}


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    folder = Path(metadata_directory) / f"{NAME}.dist-info"
    folder.mkdir()
    for name, text in METADATA.items():
        (folder / name).write_text(text)
    return folder.name


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None
) -> str:
    sources = sorted((HERE / "src").glob("*.c"))
    objects = []
    for number, source in enumerate(sources, 1):
        print(f"[{number}/{len(sources)}] {source.name}", flush=True)
        target = source.with_suffix(".o")
        run(
            "cc",
            "-Wall",
            "-Wextra",
            "-H",
            "-O2",
            "-fPIC",
            "-c",
            f"src/{source.name}",
            "-o",
            f"src/{target.name}",
        )
        objects.append(f"src/{target.name}")
    run("cc", "-shared", *objects, "-o", "native/libnative.so")
    return pack(Path(wheel_directory))


def run(*command: str) -> None:
    print("+", *command, flush=True)
    if subprocess.run(command, cwd=HERE, check=False).returncode != 0:
        sys.exit(f"{command[0]} failed")


def pack(folder: Path) -> str:
    wheel = f"{NAME}-{TAG}.whl"
    contents = {f"native/{path.name}": path.read_bytes() for path in sorted((HERE / "native").glob("*.*"))}
    contents |= {f"{NAME}.dist-info/{name}": text.encode() for name, text in METADATA.items()}
    record = "".join(f"{name},,\n" for name in [*contents, f"{NAME}.dist-info/RECORD"])
    with zipfile.ZipFile(folder / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (contents | {f"{NAME}.dist-info/RECORD": record.encode()}).items():
            archive.writestr(name, data)
            print(f"packed {name}: {len(data)} bytes", flush=True)
    return wheel
