-- What each rig was found to be, one row per state of it: driver, cap, kernel, memory, ...
-- The newest row of a rig (captured_at, unknown times first) is its hardware card.
create view found_rig_inventories as
select
    rig,
    run_id,
    inventory_captured_at as captured_at,
    inventory_json
from runs
qualify row_number() over (
    partition by rig, inventory_key
    order by inventory_captured_at desc nulls last, run_id
) = 1;
