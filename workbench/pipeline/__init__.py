"""The five stages as plain functions; the notebooks and the command line both call these, and nothing else does the work."""

from workbench.pipeline.accuracy import accuracy
from workbench.pipeline.choice import conclude_choice, finished_run
from workbench.pipeline.deploy import deploy
from workbench.pipeline.doctor import doctor
from workbench.pipeline.export import export
from workbench.pipeline.latency import latency
from workbench.pipeline.lesson import Lesson, conclude_lesson, lesson_folder, measured_again, run_lesson
from workbench.pipeline.opening import open_experiment, runs_folder
from workbench.pipeline.predict import predict
from workbench.pipeline.quantize import quantize
from workbench.pipeline.report import report
from workbench.pipeline.run_verdict import conclude_started
from workbench.pipeline.sensitivity import conclude_sensitivity, sensitivity
from workbench.pipeline.stages import Experiment, Stage
from workbench.pipeline.verdict import VerdictFailed, conclude

__all__ = [
    "Experiment",
    "Lesson",
    "Stage",
    "VerdictFailed",
    "accuracy",
    "conclude",
    "conclude_choice",
    "conclude_lesson",
    "conclude_sensitivity",
    "conclude_started",
    "deploy",
    "doctor",
    "export",
    "finished_run",
    "latency",
    "lesson_folder",
    "measured_again",
    "open_experiment",
    "predict",
    "quantize",
    "report",
    "run_lesson",
    "runs_folder",
    "sensitivity",
]
