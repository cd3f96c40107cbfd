"""vnlabel: Vietnamese chest X-ray reports to trustworthy labels.

from labeler import Labeler
Labeler.from_rules().label("- Tràn dịch màng phổi phải.").labels
"""

from labeler.labeler import Labeler
from labeler.report import LabeledReport, Mention, Report
from labeler.rules import RuleSet, RuleSetError

__version__ = "0.1.0"

__all__ = ["LabeledReport", "Labeler", "Mention", "Report", "RuleSet", "RuleSetError", "__version__"]
