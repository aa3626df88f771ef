"""The kinds of lines in a log, and those of them that no green run before printed. Pure."""

from chef.domain.novelty.comparing import MOST_NEW, GreenKinds, NewKind, NewKinds
from chef.domain.novelty.normalising import LineKinds, kind_of, kinds_in

__all__ = ["MOST_NEW", "GreenKinds", "LineKinds", "NewKind", "NewKinds", "kind_of", "kinds_in"]
