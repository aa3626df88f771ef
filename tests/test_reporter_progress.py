"""Progress that tools write: what means the whole work of a tool is read, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.reporter.output.markers import Marker, MarkerParser
from chef.reporter.output.progress.finder import ProgressFinder
from chef.reporter.output.progress.reading import Reading
from chef.reporter.output.progress.rules import RULES, read_row
from chef.reporter.output.reader import StreamReader
from tests.tools.reporting import Machine, Store, pretending, stored
from tests.tools.serving import Served

pytest_plugins = ["tests.tools.reporter_fixtures"]


def percents(output: bytes, size: int | None = None) -> list[float]:
    """What is read of output that comes in pieces, and at its end."""
    finder = ProgressFinder()
    found: list[Reading] = []
    for start in range(0, len(output), size or len(output) or 1):
        found += finder.feed(output[start : start + (size or len(output))])
    return [reading.percent for reading in [*found, *finder.settle()]]


def of_rows(*rows: str) -> list[float]:
    """What is read of rows that come one by one; the last word is that at the end."""
    finder = ProgressFinder()
    found = [one for row in rows for one in finder.feed(row.encode() + b"\n")]
    return [one.percent for one in [*found, *finder.settle()]]


# Each row, the percent that it says (None: nothing), and the text that it has of its work.
ROWS: list[tuple[str, float | None, str | None]] = [
    ("[12/345] Building CXX object a.o", 3.4, "Building CXX object a.o"),
    ("[345/345] Linking CXX executable shop", 100, "Linking CXX executable shop"),
    ("[0/1] Re-running CMake...", 0, "Re-running CMake..."),
    ("[12/345] [chromium] › cart.spec.ts:3:5 › adds", 3.4, "[chromium] › cart.spec.ts:3:5 › adds"),
    ("[1/4] 🔍  Resolving packages...", 25, "🔍  Resolving packages..."),
    ("[346/345] x", None, None),
    ("[0/0] x", None, None),
    ("[11/28] 10:31:04 INFO started", None, None),
    ("[11/28/2026 10:31] started", None, None),
    ("see [12/345] of the list", None, None),
    ("[1-2/2] 🌑 shop:sleeps                 0/30s", None, None),
    ("[2/2] 🌒 shop:sleeps                   0/30s", None, None),
    ("[ 50%] Building CXX object a.o", 50, "Building CXX object a.o"),
    ("[100%] Built target shop", 100, "Built target shop"),
    ("[145%] x", None, None),
    ("[ 45% 123/456] //external/icu:icu link", 45, "//external/icu:icu link"),
    ("1/2 shop:starts        OK              0.02s", 50, None),
    ("2/2 shop:sleeps        FAIL            0.51s   exit status 1", 100, None),
    ("1/2 of the work", None, None),
    (" 3/10 Test  #3: adds ....................   Passed    0.01 sec", 30, None),
    ("100% tests passed, 0 tests failed out of 3", None, None),
    ("tests/test_a.py ........ [ 45%]", 45, None),
    ("....F.s.x [ 45%]", 45, None),
    ("tests/test_a.py::test_adds[50%] PASSED          [ 45%]", 45, None),
    ("tests/test_a.py::test_adds SKIPPED (no disk)    [ 45%]", 45, None),
    ("tests/test_a.py ....   [ 3/14]", 21.4, None),
    ("test_0.py ✓✓✓✓                           45% ████▌     ", 45, None),
    ("[gw0] [ 33%] PASSED tests/test_a.py::test_adds", 33, None),
    ("tests/test_a.py::test_adds[50%] PASSED", None, None),
    ("✓ shows the label [ 50%]", None, None),
    ("retrying [2/3]", None, None),
    ("[1,234 / 5,678] Compiling a.cc; 3s linux-sandbox", None, None),  # one row alone is not believed
    ("#7 [2/5] RUN npm ci", 40, "RUN npm ci"),
    ("#7 [stage 2/5] RUN npm ci", 20, "RUN npm ci"),  # a stage with a name is one of two at least
    ("#7 [linux/amd64 2/5] RUN npm ci", 40, "RUN npm ci"),
    ("#12 [linux/amd64 builder 3/7] RUN make", 21.4, "RUN make"),
    (" => CACHED [2/5] RUN npm ci                          0.0s", 40, "RUN npm ci"),
    ("#1 [internal] load build definition from Dockerfile", None, None),
    ("#7 sha256:4f1c2d9 3.14MB / 6.28MB 0.2s", None, None),
    ("#7 3.121 [2/5] of something else", None, None),
    ("Step 3/9 : RUN make", 33.3, "RUN make"),
    ("STEP 2/3: RUN make", 66.6, "RUN make"),
    ("[2/2] STEP 1/4: COPY --from=0 /a /a", 62.5, "COPY --from=0 /a /a"),
    ("<===----------> 25% EXECUTING [1s]", 25, None),
    ("<===----------> 25%", 25, None),
    ("<=============> 100% CONFIGURING [1s]", None, None),
    ("[INFO] Building shop-core 1.0-SNAPSHOT                         [3/12]", 25, "shop-core 1.0-SNAPSHOT"),
    ("[INFO] Building jar: /srv/shop/target/shop.jar", None, None),
    ("<s> [webpack.Progress] 10% building 3/10 modules", 10, "building 3/10 modules"),
    ("10% building 3/10 modules", 10, "building 3/10 modules"),
    ("70% sealing finish module graph", 70, "sealing finish module graph"),
    ("● shop ━━━━━━━━━━━━━━━━━━━━━━━━━ (45%) build modules", 45, "build modules"),
    ("45% done", None, None),
    ("45% of all tests are slow", None, None),
    ("    Building [======>          ] 3/10: serde, syn", 30, "serde, syn"),
    ("        PASS [   0.004s] ( 1/34) shop cart::adds", 2.9, None),
    ("Test Files  2 passed (6)", 33.3, None),
    ("Test Files  1 failed | 2 passed | 1 skipped (8)", 50, None),
    ("Test Suites: 1 failed, 2 passed, 3 of 12 total", 25, None),
    ("Test Suites: 1 failed, 2 passed, 3 total", 100, None),
    ("Tests:       3 passed, 3 total", None, None),
    (" Tasks:    1 successful, 4 total", 25, None),
    ("Progress: [ 45%] [#########...........]", 45, None),
    ("Get:1 http://deb.example.org/debian stable/main amd64 sl [13.2 kB]", None, None),
    ("45% [1 sl 5,932 B/13.2 kB 45%]", None, None),
    ("(Reading database ... 45%", None, None),
    ("Reading package lists... 100%", None, None),
    ("  Installing       : bash-5.1.8-9.x86_64            3/10", 30, None),
    ("  Preparing        :                                 1/1", None, None),
    (
        "[ 3/10] Installing bash-0:5.2.37-1.x86_64 100% |   1.0 MiB/s |   8.2 MiB |  00m08s",
        30,
        "Installing bash-0:5.2.37-1.x86_64",
    ),
    ("[3/3] bash-0:5.2.37-1.x86_64              100% |   1.0 MiB/s |   1.8 MiB |  00m02s", None, None),
    ("Receiving objects:  45% (181/403), 2.11 MiB | 4.20 MiB/s", None, None),
    ("remote: Counting objects: 100% (403/403), done.", None, None),
    ("Resolving deltas: 100% (12/12), done.", None, None),
    ("     12,000,000  33%   36.23MB/s    0:00:00 (xfr#2, to-chk=4/7)", 33, None),
    ("      6,000,000 100%   53.19MB/s    0:00:00 (xfr#1, to-chk=5/7)", 28.5, None),
    ("      6,000,000 100%   53.19MB/s    0:00:00 (xfr#1, ir-chk=1005/1007)", None, None),
    ("      6,000,000 100%   53.19MB/s    0:00:00", None, None),
    ("   ━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━━ 10/23 [pygments]", 43.4, "pygments"),
    ("   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1.2/3.4 MB 12.0 MB/s eta 0:00:01", None, None),
    ("⠙ Preparing packages... (11/19)", 57.8, None),
    ("████████████████░░░░ [5/6] six==1.17.0", 83.3, "six==1.17.0"),
    ("Progress: resolved 149, reused 0, downloaded 149, added 120", 80.5, None),
    ("Progress: resolved 149, reused 0, downloaded 41, added 0", None, None),
    ("Progress: resolved 149, reused 0, downloaded 149, added 149, done", 100, None),
    ("...............................................................  63 / 345 ( 18%)", 18, None),
    ("NOTE: Running task 12 of 345 (/srv/meta/busybox.bb:do_compile)", 3.4, None),
    ("NOTE: Running setscene task 12 of 345 (/srv/meta/busybox.bb:do_compile_setscene)", None, None),
    ("[ 3 of 12] Compiling Shop.Cart", 25, "Compiling Shop.Cart"),
    (" 45% 3 + part4.bin", 45, "part4.bin"),
    ("1/15 files checked 6% done", 6, None),
    ("1/6 docs/c1.md 9809.55ms", 16.6, "docs/c1.md"),
    ("2/6 docs/c2.md 13.27ms X", 33.3, "docs/c2.md"),
    ("1/6 of the work took 9809ms", None, None),
    ("[ 6/15][0.9s] clang-tidy -p=b a.c", 40, None),
    ("0:00:07 load avg: 1.42 [ 3/8] test_shop passed", 37.5, None),
    ("0:00:07 load avg: 1.42 [3/8/1] test_shop -- test_a failed", 37.5, None),
    ("12:00:01  3 of 10 START sql view model main.sales .......... [RUN]", None, None),
    ("12:00:01  3 of 10 OK created sql view model main.sales ..... [OK in 0.05s]", 30, None),
    ("73% 3:7=1s 10", 73, None),
    ("PASS: shop :: cart/adds.t (1 of 10)", 10, None),
    ("XFAIL: shop :: cart/adds.t (10 of 10)", 100, None),
    ("PASS: the first (1 of 10) and more", None, None),
    (" 98% [==============================--]", 98, None),
    (" 45% [========>           ]", None, None),
    ("Passed: 9 (90.00%)", None, None),
    (" 120/345 [▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░░░░░]  34%", 34, None),
    ("  3/10 [========>-------------------]  30%", None, None),  # Composer's, of downloads
    ("7 of 9 steps (78%) done", 77.7, None),
    ("(3/10) Installing musl (1.2.5-r0)", 30, "Installing musl (1.2.5-r0)"),
    ("(3/10) installing bash      [#####---] 50%", 30, "installing bash"),
    ("( 3/10) Installing: bash-5.1.x86_64 .......[done]", 30, "Installing: bash-5.1.x86_64"),
    ("(3/10) checking keys in keyring  [########] 100%", None, None),
    ("Retrieving: bash-5.1.x86_64 (3/10), 1.1 MiB", None, None),
    ("  Running:  cart.cy.js                    (2 of 4)", 25, "cart.cy.js"),
    ("Mutation testing 61% (elapsed: <1m, remaining: <1m) 8/13 tested", 61, None),
    ("Mutation testing  [====  ] 61% (elapsed: <1m, remaining: <1m) 8/13 Mutants", 61, None),
    ("Chrome Headless 156.0.0.0 (Linux 0.0.0): Executed 3 of 12 SUCCESS (0 secs / 0.1 secs)", 25, None),
    ("page 3 of 12", None, None),
    ("[▬▬▬▬▬▬...]", 66.6, None),
    ("[...]", None, None),
    ("45%", 45, None),
    ("7.5 %", 7.5, None),
    ("Battery level: 45%", None, None),
    ("battery 45%", None, None),
    ("app/cart.py      120     12    90%   31-42", None, None),
    ("All files |   85.71 |      100 |   66.66 |   85.71 |", None, None),
    ("TOTAL            120     12    90%", None, None),
    ("  % Total    % Received % Xferd  Average Speed", None, None),
    ("100  6.0M  100  6.0M    0     0  1.2M      0  0:00:05  0:00:05", None, None),
    ("part1.bin            100%[===================>]   5.72M  1.2MB/s    in 4.8s", None, None),
    ("Downloading (45%)", None, None),
    ("http://example.com/a%20b 1/2", None, None),
    ("GET /api/jobs/1/2 200 45%", None, None),
    ("2026/11/28 10:31:04 listening", None, None),
    ("copied 3/10 files", None, None),
    ("  45%|████▌     | 9/20 [00:01<00:01,  9.01it/s]", None, None),
]


@pytest.mark.parametrize(("row", "percent", "text"), ROWS, ids=[row for row, *_ in ROWS])
def test_what_a_row_says(row: str, percent: float | None, text: str | None) -> None:
    expected = [] if percent is None else [(percent, text)]
    plain = ProgressFinder().feed(f"before\n{row}\nafter\n".encode())
    assert [(one.percent, one.text) for one in plain] == expected
    coloured = ProgressFinder().feed(f"\x1b[2K\r\x1b[1;32m{row}\x1b[0m\x1b[K\n".encode())
    assert [(one.percent, one.text) for one in coloured] == expected


def test_every_rule_has_a_row() -> None:
    fits = {found[0] for row, *_ in ROWS if (found := read_row(row.strip().encode(), True))}
    nothing = {"Meson, running", "DNF 5, a download", "Docker Compose"}
    assert {rule.tool for rule in RULES} - fits == nothing


@pytest.mark.parametrize(
    ("output", "percent"),
    [
        (b"\x1b]9;4;1;25\x1b\\", 25),
        (b"\x1b]9;4;1;25\x07", 25),
        (b"\x1b]9;4;2;25\x07", 25),
        (b"\x1b]9;4;4;25\x07", 25),
        (b"\x1b]9;4;3\x07", None),
        (b"\x1b]9;4;3;50\x07", None),
        (b"\x1b]9;4;2\x07", None),
        (b"\x1b]9;4;0;0\x07", None),
        (b"\x1b]9;4;0\x07", None),
        (b"\x1b]9;4;1;101\x07", None),
        (b"\x1b]9;5;1;25\x07", None),
        (b"\x1b]0;9;4;1;25\x07", None),
        (b"\x1bPtmux;\x1b\x1b]9;4;1;25\x07\x1b\\", 25),
        (b"\x1b[?1049h\x1b[1;1Hx\x1b]9;4;1;25\x1b\\\x1b[2;1H", 25),
        (b"PASSED [100%]\x1b]9;4;1;25\x1b\\\n", 25),
        (b"PASSED [100%]\x1b]9;4;0\x1b\\\n", 100),
    ],
)
def test_what_a_terminals_bar_says(output: bytes, percent: int | None) -> None:
    found = percents(output + b"\n")
    assert found == ([] if percent is None else [percent])
    assert percents(output + b"\n", 1) == found


def test_rows_beside_a_terminals_bar_are_details_of_it_until_it_is_removed() -> None:
    bar = b"[1/3] Linking\n\x1b]9;4;1;33\x07[1753/1753] Code Generation\n"
    assert percents(bar) == [33.3, 33]
    assert percents(bar + b"\x1b]9;4;0\x07[100/100] x\n") == [33.3, 33, 100]
    assert percents(bar + b"x" * 20_000 + b"\n[99/100] x\n", 1000)[-1] == 99


def test_more_than_the_next_word_says_is_not_believed_where_the_whole_grows() -> None:
    rows = ["[1 / 1] x", "[2 / 1,000] x", "[500 / 1,000] x", "[999 / 1,000] x"]
    assert of_rows(*rows) == [0.2, 0.2, 50, 99.9]


def test_stages_of_a_build_are_counted_together() -> None:
    rows = [
        "#5 [builder 1/4] FROM a",
        "#6 [stage-1 1/4] FROM b",
        "#7 [builder 4/4] RUN x",
        "#8 [stage-1 4/4] COPY",
    ]
    assert of_rows(*rows) == [12.5, 25, 62.5, 100]
    assert of_rows(*rows[:1], "[+] Building 3.4s (9/9) FINISHED") == [12.5, 100]


def test_stages_that_are_still_to_come_count_as_much_as_those_that_are_known() -> None:
    """The first of two stages ends at the half, and `stage-2` is the last of three."""
    assert of_rows("#5 [builder 1/4] FROM a", "#6 [builder 4/4] RUN x", "#7 [stage-1 2/4] COPY") == [
        12.5,
        50,
        75,
    ]
    assert of_rows("#5 [a 4/4] RUN x", "#6 [stage-2 4/4] COPY", "#7 [b 4/4] RUN y") == [50, 66.6, 100]
    assert of_rows("#5 [builder 4/4] RUN x", "#11 exporting to image") == [50, 100]
    assert of_rows("#5 [linux/amd64 4/4] RUN x", "#6 [linux/arm64 2/4] RUN x") == [100, 75]


def test_what_a_step_of_an_image_writes_is_no_progress_of_the_image() -> None:
    pulled = [f"{1:012x}: Pulling fs layer", f"{1:012x}: Pull complete"]
    rows = [
        "Step 1/3 : FROM base",
        *pulled,
        "Step 2/3 : RUN ninja",
        "[1/9] a.o",
        "[9/9] b.o",
        "Step 3/3 : COPY",
    ]
    assert of_rows(*rows, "[1/9] c.o") == [33.3, 66.6, 100, 11.1]
    assert of_rows("[1/2] STEP 2/2: RUN pytest", "... [100%]", "[2/2] STEP 1/2: FROM base") == [50, 75]
    # A build that failed holds nothing back for ever.
    assert of_rows("STEP 1/3: RUN make", "x" * 1100 * 1024, "[9/9] b.o") == [33.3, 100]


def test_a_pull_is_not_further_than_the_layers_that_are_there() -> None:
    """All layers are named before one is loaded; those that are there already are done."""
    layers = [f"{number:012x}" for number in range(6)]
    begun = [f"{layers[0]}: Already exists", *[f"{layer}: Pulling fs layer" for layer in layers[1:]]]
    assert of_rows(*begun) == []
    assert of_rows(*begun, f"{layers[1]}: Pull complete", f"{layers[2]}: Pull complete") == [33.3, 50]


def test_a_push_is_heard() -> None:
    layers = [f"{number:012x}" for number in range(4)]
    rows = [f"{layer}: {state}" for state in ("Preparing", "Waiting", "Pushed") for layer in layers]
    assert max(of_rows(*rows)) == 100


def test_packages_that_are_announced_are_counted() -> None:
    begun = "Package operations: 2 installs, 1 update, 1 removal"
    under_way = ["  - Installing a (1.0): Pending...", "  - Installing a (1.0): Downloading... 45%"]
    ended = ["  - Removing z (1.0)", "  • Installing a (1.0)", "  - Installing b/c (1.0): Extracting archive"]
    assert of_rows(begun, *under_way, *ended, "  - Updating d (1.0 -> 2.0)") == [25, 50, 75, 100]
    assert of_rows("Package operations: 0 installs, 0 updates, 0 removals", *ended) == []


def test_tests_in_several_browsers_are_counted_together() -> None:
    rows = [
        f"{browser} (Linux): Executed {done} of 4 SUCCESS (0 secs / 0.1 secs)"
        for done in (1, 4)
        for browser in ("A", "B")
    ]
    assert of_rows(*rows) == [25, 25, 62.5, 100]


def test_builds_that_go_on_at_once_are_counted_together() -> None:
    assert of_rows("● Client ████████████████ building (40%) 3/10 modules") == [40]
    assert of_rows("● Client ████ sealing (90%)", "● Server ████ building (10%) 1/10 modules") == [90, 50]


def test_layers_are_counted_together() -> None:
    layers = [f"{number:012x}" for number in range(4)]
    begun = [f"{layer}: Pulling fs layer" for layer in layers]
    loading = [f"{layer}: Downloading [==>   ]  1.2MB/3.4MB" for layer in layers]
    assert of_rows(*begun, *loading) == []
    assert of_rows(*begun, *loading, *[f"{layer}: Pull complete" for layer in layers]) == [25, 50, 75, 100]


def test_containers_that_are_pulled_are_counted() -> None:
    assert of_rows("[+] Pulling 1/1", "[+] Pulling 2/7", "[+] Pulling 7/7") == [28.5, 28.5, 100]


def test_a_list_of_numbered_tests_is_counted() -> None:
    rows = [
        "Running 3 tests using 2 workers",
        "  ✓  1 a.spec.ts:1:1 › a (1s)",
        "  ✘  2 b.spec.ts",
        "  -  3 c",
    ]
    assert of_rows(*rows) == [33.3, 66.6, 100]
    assert of_rows(*rows[1:]) == []


def test_tasks_that_are_announced_are_counted() -> None:
    ended = [f"✔  nx run p{number}:build" for number in range(1, 5)]
    assert of_rows(" NX   Running target build for 4 projects:", *ended) == [25, 50, 75, 100]
    assert of_rows("NX   Running target build for project p4 and 3 tasks it depends on:", *ended) == [
        33.3,
        66.6,
        100,
    ]
    assert of_rows(*ended) == []
    lerna = "Lerna (powered by Nx)   Running target build for 2 projects"
    assert of_rows(lerna, "⠙  p1:build", "✔  p2:build (3s)", "✔  1/1 succeeded", "✖  p1:build") == [50, 100]
    # What a task writes is of a part; where one has failed, the others may never come.
    begun = " NX   Running target build for 4 projects:"
    assert of_rows(begun, "[9/9] a.o", ended[0], "[9/9] b.o", ended[1]) == [25, 50]
    assert of_rows(begun, "✖  nx run p1:build", " NX   Ran target build for 4 projects", "[9/9] b.o") == [
        25,
        100,
    ]


@given(st.binary(max_size=400), st.integers(1, 40))
def test_no_output_makes_it_fail_and_pieces_do_not_matter(output: bytes, size: int) -> None:
    whole, pieces = percents(output), percents(output, size)
    assert all(0 <= one <= 100 for one in [*whole, *pieces])
    assert max(whole, default=None) == max(pieces, default=None)


PIECES = st.lists(
    st.sampled_from(
        [
            *(b"[ 45%] a\n", b"[1/27] b\r", b"\x1b]9;4;1;25\x07", b"\x1b]9;4;0\x07", b"3/10 Test  #3: x\n"),
            *(b"\x1b[2K\r10% building\x1b[2K\r", b"<===> 25% EXECUTING [1s]\x1b[2A", b"plain\n", b"77%\n"),
        ]
    ),
    max_size=12,
)


@given(PIECES, st.integers(1, 30))
def test_how_real_rows_are_cut_does_not_matter(pieces: list[bytes], size: int) -> None:
    output = b"".join(pieces)
    assert max(percents(output), default=None) == max(percents(output, size), default=None)


def test_an_open_row_is_looked_at_without_its_text() -> None:
    finder = ProgressFinder()
    assert finder.feed(b"\x1b[2K\r12% building key hunt") == []
    assert finder.look() == [Reading(12)]
    assert finder.feed(b"er2\x1b[2K\r") == [Reading(12, "building key hunter2")]


def test_an_open_row_that_may_go_on_is_not_looked_at() -> None:
    for row in (b"45%", b"Building [=> ] 1/1", b"  Installing : bash  1/1"):
        finder = ProgressFinder()
        assert finder.feed(row) == []
        assert finder.look() == []


def test_a_row_that_is_too_long_is_nothing_and_the_next_one_is_a_row() -> None:
    output = b"[ 45%] " + b"x" * 5000 + b"[ 46%] y" + b"\n[ 5%] z\n"
    for size in (None, 100, 2001):
        assert percents(output, size) == [5]


@pytest.mark.parametrize(
    "begin",
    ["(3/10) installing a", "[INFO] Building a", "[1/3] Installing a", "Running: a", "PASS: a", "1/6 a"],
)
@pytest.mark.parametrize("fill", [" ", "a ", ".", "(1 of 2) "])
def test_a_long_row_costs_no_more_than_its_length(begin: str, fill: str) -> None:
    """Patterns that try each place of a run of spaces would take a minute for these."""
    rows = [f"{begin}{fill * (length // len(fill))}z\n".encode() for length in (1900, 64_000)]
    finder, started = ProgressFinder(), time.process_time()
    for row in (*[rows[0]] * 20, rows[1]):
        finder.feed(b"[x/y] 1/2 5%\n" + row)
    assert time.process_time() - started < 1


def test_a_percent_is_of_the_phase_that_is_named_before_it() -> None:
    stream = StreamReader(MarkerParser(lambda _value: None))
    output = b"[ 90%] a\nsection_start:1:unit\r\x1b[0KUnit\n[ 5%] b\nsection_end:2:unit\r\x1b[0K\n[ 99%] c\n"
    said = [(one.phase, one.progress, one.ends) for one in stream.read(output)]
    assert said == [
        *[(None, 90, None), ("unit", None, None), (None, 5, None), (None, None, "unit"), (None, 99, None)]
    ]


def test_a_text_is_a_message_without_secrets() -> None:
    stream = StreamReader(MarkerParser(lambda _value: None, lambda text: text.replace("hunter2", "***")))
    assert stream.read(b"[1/2] \x1b[1mlink\x1b[0m hunter2\n") == [Marker(progress=50, message="link ***")]


def test_of_steps_that_come_together_with_one_percent_the_newest_is_told() -> None:
    stream = StreamReader(MarkerParser(lambda _value: None))
    said = stream.read(b"[ 45%] a\n[ 45%] b\n[ 46%] c\n[ 46%] d\n[ 45%] e\n")
    assert [(one.progress, one.message) for one in said] == [(45, "b"), (46, "d"), (45, "e")]


def progress_of(store: Store) -> list[Any]:
    return [update["phaseProgress"] for update in store.updates if "phaseProgress" in update]


@pytest.mark.real
@pytest.mark.slow
def test_what_is_sent_never_falls_within_a_phase(machine: Machine) -> None:
    store = Store()
    script = "".join(f"printf '[{percent:3}%%] x\\n'; sleep 0.3;" for percent in (30, 100, 5, 60))
    with pretending(store.take) as server:
        machine.run("run", "--", "sh", "-c", script, environment={"CHEF_URL": server.url})
    assert progress_of(store) == [30, 100]
    assert [one for one in store.updates if "progress" in one] == []


@pytest.mark.real
@pytest.mark.slow
def test_a_tool_that_never_ends_a_line_is_heard(machine: Machine) -> None:
    store = Store()
    script = r"printf '\033[2A<===---> 25%% EXECUTING [1s]\033[m\033[34D\033[1B'; sleep 3"
    with pretending(store.take) as server:
        machine.run("run", "--", "sh", "-c", script, environment={"CHEF_URL": server.url})
    assert progress_of(store) == [25]


def shown(served: Served, job: str) -> list[tuple[str, float]]:
    events = served.get(f"/api/jobs/{job}/events?follow=0", headers={"Accept": "application/json"}).json()
    states = [one["data"] for one in events["events"] if one["event"] == "job:progress"]
    return [(state["phase"], state["progress"]) for state in states]


@pytest.mark.real
@pytest.mark.slow
def test_the_bar_never_goes_back_from_one_step_to_the_next(
    served: Served, machine: Machine, job: str
) -> None:
    machine.run("run", "--step", "--phase", "installing", "--", "printf", "[ 33%%] a\n[100%%] b\n")
    machine.run("run", "--", "sh", "-c", "printf '[  5%%] c\\n'; sleep 0.5; printf '[ 50%%] d\\n'; exit 3")
    bar = [progress for _, progress in shown(served, job)]
    assert bar == sorted(bar)
    found = stored(served, job)
    assert (found["status"], found["phase"], found["progress"]) == ("failed", "building", 70)
    assert max(progress for phase, progress in shown(served, job) if phase == "installing") == 50


@pytest.mark.real
@pytest.mark.slow
def test_a_phase_that_a_command_within_tells_begins_anew(served: Served, machine: Machine, job: str) -> None:
    chef = " ".join(machine.command("phase"))
    script = f"echo '[100%] a'; {chef} building; printf '[  5%%] b\\n'; sleep 0.5; printf '[ 50%%] c\\n'"
    machine.run("run", "--step", "--phase", "installing", "--", "sh", "-c", script)
    found = stored(served, job)
    assert (found["phase"], found["progress"], found["phaseProgress"]) == ("building", 70, 50)
    assert [one["phase"] for one in found["phases"]] == ["installing", "building"]
