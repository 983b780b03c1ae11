-- What each rig was found to be, one row per state of it: driver, cap, kernel, memory, ...
-- The newest row of a rig is its hardware card: by captured_at, which imported and published runs
-- lack, then by their started_at; unknown times come first.
create view found_rig_inventories as
select
    rig,
    run_id,
    provenance,
    inventory_captured_at as captured_at,
    started_at,
    inventory_json
from runs
qualify row_number() over (
    partition by rig, inventory_key
    order by inventory_captured_at desc nulls last, started_at desc nulls last, run_id
) = 1;
