"""What is read for lists: jobs, runs, projects, and what stands beside them."""

from __future__ import annotations

from collections.abc import Collection

from chef.domain.filtering import EVERY_JOB, JobFilter
from chef.domain.runs import Run
from chef.store.finishedruns import FinishedRuns, finished_runs
from chef.store.listing import (
    FilterMenu,
    JobPage,
    Neighbours,
    filter_menu,
    find_neighbours,
    list_jobs,
)
from chef.store.reading import ListedProject, find_project, list_projects
from chef.store.runlists import RunPage, find_run, list_runs, run_jobs
from chef.store.threads import StoreReader


class ListQueries(StoreReader):
    """Pages of lists. A place is where the next page goes on, as the one before it says."""

    def jobs(
        self,
        wanted: JobFilter = EVERY_JOB,
        *,
        allowed: Collection[str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> JobPage:
        """Jobs that a filter asks for, newest first, below the place `before`.

        `allowed` limits them to some projects.
        """
        return self._read(list_jobs, wanted, allowed, before, limit)

    def runs(
        self,
        wanted: JobFilter = EVERY_JOB,
        *,
        allowed: Collection[str] | None = None,
        before: int | None = None,
        limit: int = 50,
        active: bool = False,
    ) -> RunPage:
        """A list in which the jobs of one run are one row, the run that began last first.

        A run is in it if one of its jobs is as the filter asks; a status must be the run's own as well
        (`chef.domain.runs.WORST_FIRST`). A job without a run is a run of one. A run is `active` while one of
        its jobs runs, whatever its own status.
        """
        return self._read(list_runs, wanted, allowed, before, limit, active)

    def run(self, project_id: str, run: str) -> Run | None:
        """A run with its jobs; `None` where no job of the project has this `meta.run`."""
        return self._read(find_run, project_id, run)

    def run_jobs(self, project_id: str, run: str, after: int | None = None, limit: int = 1000) -> JobPage:
        """The jobs of a run, whole, the first one first, above the place `after`."""
        return self._read(run_jobs, project_id, run, after, limit)

    def filter_menu(
        self, project_id: str | None = None, *, allowed: Collection[str] | None = None
    ) -> FilterMenu:
        """The branches, authors and kinds of the newest jobs, for the menus of a list's filters."""
        return self._read(filter_menu, project_id, allowed)

    def neighbours(self, job_id: str) -> Neighbours | None:
        """The jobs around a job among those of its kind; `None` where there is no such job."""
        return self._read(find_neighbours, job_id)

    def projects(
        self, *, allowed: Collection[str] | None = None, before: int | None = None, limit: int = 50
    ) -> list[ListedProject]:
        """Projects, the one with the newest job first, below the place `before`."""
        return self._read(list_projects, allowed=allowed, before=before, limit=limit)

    def project(self, project_id: str) -> ListedProject | None:
        return self._read(find_project, project_id)

    def finished_runs(self, project_id: str, kind: str | None, limit: int) -> FinishedRuns:
        """The newest finished runs of a kind of a project; `None`: of those without one."""
        return self._read(finished_runs, project_id, kind, limit)
