-- The one home of the rule which measurement of a cell is shown where several runs hold it:
-- full and on a quiet host before provisional ones, undisturbed before flagged, then the newest.
--
-- What contradicts itself, physics or other runs, and what a stranger sent, comes last of all,
-- whatever else is true of it.
--
-- Throttling and drift are flags: the machine was so at that time, the figure is what it gave. A
-- run's drift does not decide here: older run files were not checked for it, and not to have
-- looked is no merit.
create view chosen_cells as
select *
from sound_cells
qualify row_number() over (
    partition by
        model, rig, backend, engine, build, mode, power_cap_w, concurrency, provenance, workload
    order by
        doubtful(flags),
        provisional,
        profile is not distinct from 'full' desc,
        len(list_filter(flags, lambda flag: flag <> 'drifted')) = 0 desc,
        started_at desc nulls last,
        run_id
) = 1;
