"""A build as it is reported: output, what markers in it say, and the end. All of it without secrets."""

from __future__ import annotations

from typing import Any

from chef.reporter.output.lines import LineGate, StreamTotals
from chef.reporter.output.markers import Marker, MarkerParser, masked_phase
from chef.reporter.output.masking import Masker
from chef.reporter.process.exits import Ended
from chef.reporter.sending.sender import Sender

MAX_MESSAGE_BYTES = 4096
MAX_END_MESSAGE_BYTES = 65536


class Report:
    """One run of a command. `phase` is the one it is in while no section of its output has another."""

    def __init__(
        self, sender: Sender, masker: Masker, phase: str, markers: bool, prior: dict[str, StreamTotals]
    ) -> None:
        self.masker = masker
        self.totals = {name: tally.copy() for name, tally in prior.items()}
        self._sender = sender
        self._markers = MarkerParser(masker.add, masker.text) if markers else None
        self._own_phase = self._phase = masked_phase(masker.text, phase)
        self._gates: dict[str, LineGate] = {}
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
        gate = self._gates.setdefault(stream, LineGate())
        lines = gate.feed(data)
        if lines:
            self._pass_on(stream, lines, True)
        if gate.is_long:
            self._pass_on_a_part(stream, gate)

    def show_unfinished(self) -> None:
        """Nothing came for a while: what was written of a line is worth being seen, such as a question."""
        for stream, gate in self._gates.items():
            part = gate.take()
            kept = self.masker.held(part)
            self._pass_on(stream, part[: len(part) - kept], True)
            gate.put_back(part[len(part) - kept :])

    @property
    def has_unfinished(self) -> bool:
        return any(gate.size for gate in self._gates.values())

    def end_of_output(self) -> None:
        """All streams have ended, perhaps within a line."""
        for stream, gate in self._gates.items():
            self._pass_on(stream, gate.take(), True)

    def nothing_came(self, stream: str) -> None:
        """The command has written nothing at all, which can be compared as well."""
        self._own[stream] = self.totals[stream] = StreamTotals()
        self._sender.watch(stream)

    def end(self, ended: Ended, message: str, meta: dict[str, Any]) -> None:
        """The build has ended: it has completed, was cancelled, or has failed with its exit status."""
        fields: dict[str, Any] = {"meta": self._clean(meta), "integrity": self.claims}
        text = self._cut(message, MAX_END_MESSAGE_BYTES)
        if ended.status == 0:
            self._sender.update("completed", **fields)
        elif ended.is_cancelled:
            self._sender.update("cancelled", message=text, **fields)
        else:
            self._sender.update("error", message=text, code=ended.status, **fields)

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

    def _pass_on_a_part(self, stream: str, gate: LineGate) -> None:
        """Send the beginning of a very long line, up to where a secret may begin."""
        part = gate.take()
        kept = self.masker.held(part)
        self._pass_on(stream, part[: len(part) - kept], False)
        gate.put_back(part[len(part) - kept :])

    def _pass_on(self, stream: str, lines: bytes, ends_line: bool) -> None:
        if not lines:
            return
        markers = self._markers.find(lines) if self._markers else []
        masked = self.masker.mask(lines)
        self._own.setdefault(stream, StreamTotals()).add(masked)
        self.totals.setdefault(stream, StreamTotals()).add(masked)
        self._sender.output(stream, masked, ends_line)
        for marker in markers:
            self._send_marker(marker)

    def _send_marker(self, marker: Marker) -> None:
        """A marker as an update."""
        fields: dict[str, Any] = {}
        if marker.ends is not None:
            if marker.ends != self._phase:
                return
            fields["phase"] = self._phase = self._own_phase
        elif marker.phase is not None:
            fields["phase"] = self._phase = marker.phase
        if marker.progress is not None:
            # Progress without a phase would take another, and 100 would end the job.
            fields["phase"] = self._phase
            fields["progress"] = min(marker.progress, 99) if self._phase == "completed" else marker.progress
        if marker.message:
            fields["message"] = self._cut(marker.message, MAX_MESSAGE_BYTES)
        self._sender.update("progress", passing=marker.phase is None and marker.ends is None, **fields)

    def _cut(self, text: str, most: int) -> str:
        return self.masker.text(text).encode()[:most].decode("utf-8", "ignore")

    def _clean(self, meta: dict[str, Any]) -> dict[str, Any]:
        return {key: self.masker.text(one) if isinstance(one, str) else one for key, one in meta.items()}
