"""A build as it is reported: output, what markers in it say, and the end. All of it without secrets."""

from __future__ import annotations

import re
import time
from typing import Any, Callable

from chef.reporter.output.lines import LineGate, StreamTotals
from chef.reporter.output.markers import Marker, MarkerParser, masked_phase
from chef.reporter.output.masking import Masker
from chef.reporter.output.reader import StreamReader
from chef.reporter.output.secretcommands import hide_secret_commands
from chef.reporter.process.exits import Ended
from chef.reporter.sending.sender import Sender

MAX_MESSAGE_BYTES = 4096
MAX_END_MESSAGE_BYTES = 65536
# A line that is not finished is shown after this long.
UNFINISHED_S = 1.0
# The end of a part of a line that is a part of a character (UTF-8) or of a control sequence.
_CUT = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*)?|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_LONGEST_CUT = 32


class OutputText:
    """The text of one stream on its way: what is not sent yet, and its reader, None where nothing is read."""

    def __init__(self, reader: StreamReader | None) -> None:
        self.gate = LineGate()
        self.reader = reader
        self.since: float | None = None

    def came(self, ends_line: bool) -> None:
        """Output came: from now on, or still, something waits for more, or nothing does."""
        if not self.gate.size and not (self.reader and self.reader.is_undecided):
            self.since = None
        elif ends_line or self.since is None:
            self.since = time.monotonic()

    def is_command(self, part: bytes) -> bool:
        """Whether a part of a line may become a workflow command, such as one that masks a value."""
        line = ((self.reader.part if self.reader else b"") + part).lstrip()
        return line.startswith((b"::", b"##")) or line in (b":", b"#")


class Report:
    """One run of a command. `phase` is the one it is in while no section of its output has another.

    With `markers` the output is looked through for them, with `headings` for Buildkite's headings, too.
    `told_phase` is the phase that a command within the build has told the server by itself.
    """

    def __init__(
        self,
        sender: Sender,
        masker: Masker,
        phase: str,
        markers: bool,
        prior: dict[str, StreamTotals],
        headings: bool = False,
        told_phase: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.masker = masker
        self.totals = {name: tally.copy() for name, tally in prior.items()}
        self._sender = sender
        self._markers = MarkerParser(masker.add, masker.text, headings) if markers else None
        # How far the phase that runs is, by its tools.
        self._percent = -1.0
        self._told_phase = told_phase
        self._told = told_phase()
        self._own_phase = self._phase = masked_phase(masker.text, phase)
        self._texts: dict[str, OutputText] = {}
        self._prior = {name: tally.bytes for name, tally in prior.items()}
        self._own: dict[str, StreamTotals] = {}

    def begin(self, meta: dict[str, Any], message: str | None = None) -> None:
        """The build has begun."""
        fields: dict[str, Any] = {"phase": self._own_phase, "meta": self._clean(meta)}
        if message:
            fields["message"] = self._cut(message, MAX_MESSAGE_BYTES)
        self._sender.update("progress", **fields)

    def output(self, stream: str, data: bytes) -> None:
        """The command has written this."""
        text = self._texts.get(stream)
        if text is None:
            text = self._texts[stream] = OutputText(StreamReader(self._markers) if self._markers else None)
        lines = text.gate.feed(data)
        if lines:
            self._pass_on(stream, lines, True)
        if text.gate.is_long:
            self._pass_on_a_part(stream, text, False)
        text.came(bool(lines))

    def show_unfinished(self) -> None:
        """Show the lines so far, such as a question, dots or a spinner, that have waited long enough."""
        for stream, text in self._texts.items():
            if text.since is not None and text.since + UNFINISHED_S <= time.monotonic():
                if text.reader:
                    self._tell(text.reader.settle_lines() if text.reader.is_undecided else [])
                self._pass_on_a_part(stream, text, True)
                if text.reader:
                    self._tell(text.reader.look())
                text.came(True)

    @property
    def unfinished_due(self) -> float | None:
        """The time (monotonic) at which something unfinished is to be shown; None where there is none."""
        since = [text.since for text in self._texts.values() if text.since is not None]
        return min(since) + UNFINISHED_S if since else None

    def end_of_output(self) -> None:
        """All streams have ended, perhaps within a line."""
        for stream, text in self._texts.items():
            self._pass_on(stream, text.gate.take(), True)
            if text.reader:
                self._tell(text.reader.settle())

    def nothing_came(self, stream: str) -> None:
        """The command has written nothing at all, which can be compared as well."""
        self._own[stream] = self.totals[stream] = StreamTotals()
        self._sender.watch(stream)

    def end(self, ended: Ended, message: str, meta: dict[str, Any]) -> None:
        """The build has ended: it has completed, was cancelled, or has failed with its exit status."""
        fields: dict[str, Any] = {"meta": self._clean(meta), "integrity": self.claims}
        text = self._cut(message, MAX_END_MESSAGE_BYTES)
        if ended.is_cancelled:
            self._sender.update("cancelled", message=text, **fields)
        elif ended.status == 0:
            self._sender.update("completed", **fields)
        else:
            self._sender.update("error", message=text, code=ended.status, **fields)

    def stopping(self, message: str) -> None:
        """The build was asked to stop, and is told so."""
        self._sender.update("progress", message=self._cut(message, MAX_MESSAGE_BYTES))

    def say(self, meta: dict[str, Any]) -> None:
        """Add to what is known of the build, without an end."""
        self._sender.update("progress", meta=self._clean(meta))

    def claims(self) -> dict[str, Any] | None:
        """The sums of the streams, for the server to compare; only of those that are known whole."""
        claims = {name: total.claim() for name, total in self.totals.items() if self._is_known(name)}
        return claims or None

    def _is_known(self, name: str) -> bool:
        if self._sender.is_shared(name):
            return False
        if name not in self._own:
            return True
        begins_at = self._sender.begins_at(name)
        return begins_at is not None and begins_at <= self._prior.get(name, 0)

    def _pass_on_a_part(self, stream: str, text: OutputText, ends_line: bool) -> None:
        """Send the beginning of a line, up to where a secret may begin."""
        part = text.gate.take()
        kept = len(part) if ends_line and self._markers and text.is_command(part) else self._kept(part)
        self._pass_on(stream, part[: len(part) - kept], ends_line)
        text.gate.put_back(part[len(part) - kept :])

    def _kept(self, part: bytes) -> int:
        """How much of the end of a part of a line has to wait for more."""
        cut = _CUT.search(part, max(0, len(part) - _LONGEST_CUT))
        return max(self.masker.held(part), len(cut.group()) if cut else 0)

    def _pass_on(self, stream: str, lines: bytes, ends_line: bool) -> None:
        if not lines:
            return
        reader = self._texts[stream].reader
        markers = reader.read(lines) if reader else []
        masked = self.masker.mask(lines)
        if self._markers:
            masked = hide_secret_commands(masked)
        self._own.setdefault(stream, StreamTotals()).add(masked)
        self.totals.setdefault(stream, StreamTotals()).add(masked)
        self._sender.output(stream, masked, ends_line)
        self._tell(markers)

    def _tell(self, markers: list[Marker]) -> None:
        if any(marker.progress is not None for marker in markers):
            told = self._told_phase()
            if told != self._told:
                self._told, self._percent = told, -1.0
        for marker in markers:
            self._send_marker(marker)

    def _send_marker(self, marker: Marker) -> None:
        """A marker as an update."""
        fields: dict[str, Any] = {}
        if marker.ends is not None:
            if marker.ends != self._phase:
                return
            fields["phase"] = self._own_phase
        elif marker.phase is not None:
            fields["phase"] = marker.phase
        if fields.get("phase", self._phase) != self._phase:
            self._phase, self._percent = fields["phase"], -1.0
        if marker.progress is not None:
            fields.update(self._risen(marker.progress))
        if marker.message:
            fields["message"] = self._cut(marker.message, MAX_MESSAGE_BYTES)
        if fields:
            self._sender.update("progress", passing=marker.phase is None and marker.ends is None, **fields)

    def _risen(self, percent: float) -> dict[str, Any]:
        """The field for a tool's percent, where it is more than any tool has said within this phase."""
        if percent <= self._percent:
            return {}
        self._percent, told = percent, self._told
        # Asked when it is sent: by then a command within may have told the next phase, which this is not of.
        return {"phaseProgress": lambda: percent if self._told_phase() == told else None}

    def _cut(self, text: str, most: int) -> str:
        return self.masker.text(text).encode()[:most].decode("utf-8", "ignore")

    def _clean(self, meta: dict[str, Any]) -> dict[str, Any]:
        return {key: self.masker.text(one) if isinstance(one, str) else one for key, one in meta.items()}
