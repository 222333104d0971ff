-- id, attempt, version, retries left ('' unchanged). An ended job gets a new attempt; the report of its last end is superseded.
local function bytes_are_gone(holder) return holder.stored and not holder.bare and call('EXISTS', key('payload:', holder)) == 0 end
local function supersede(debt)
  if not debt or ENDED[debt.state] then return end
  put(debt, 'reason', 'superseded')
  move(debt, 'cancelled', 'cancelled', 'superseded', stamp)
end
-- A debt that was passed on comes back from whoever has it now, and from those between.
local function take_debt_back(job)
  if not has(job, 'h') then return end
  mark(job, 'o')   -- the fact itself has stayed with it
  local last = job
  while last and has(last, 'h') do
    local heir = load(last.heir)
    rare.unmark(last, 'h') put(last, 'heir', '-')
    if heir then
      supersede(debts.debt_of(heir))
      rare.unmark(heir, 'o') rare.unmark(heir, 'j') put(heir, 'root', '-') put(heir, 'owes', '-')
      if ENDED[heir.state] then expire_bytes(heir) end
    end
    last = heir
  end
end
-- What it waited for, and the last of its lane, may have come to wait for it since it ended.
local function would_wait_for_itself(job)
  local ahead = {has(job, 'l') and owner('lane:' .. job.lane) or nil}
  for gate in pairs(rare.doors(job)) do if gate:sub(1, 5) == 'wait:' then ahead[#ahead + 1] = gate:sub(6) end end
  for _, upstream in ipairs(ahead) do
    local why, way = rare.closes_cycle(upstream, job.id, has(job, 'c') and job.parent)
    if why then return why, way end
  end
end
local function why_not(job, debtor)
  local parent = has(job, 'c') and load(job.parent)
  if parent and ENDED[parent.state] and not has(parent, 'z') then return 'envelope_over' end
  if has(job, 'r') and not (debtor and ENDED[debtor.state] and has(debtor, 'o') and job.id == debtor.id .. '.' .. debtor.attempt) then return 'superseded' end
  local root = debts.root_of(debtor or job)
  if bytes_are_gone(debtor or job) and not (debtor and root) or root and bytes_are_gone(root) then return 'payload_gone' end
  if has(job, 'u') and (owner('unique:' .. job.unique) or job.id) ~= job.id then return 'key_taken' end
  return would_wait_for_itself(job)
end
local function drop_ended_upstreams(job)
  for gate in pairs(rare.doors(job)) do
    local upstream = gate:sub(1, 5) == 'wait:' and load(gate:sub(6))
    if upstream and ENDED[upstream.state] then rare.open(job, gate) end
  end
end
local function keep_all_bytes(job, debtor)
  debts.keep_bytes(job)
  if debtor then debts.keep_bytes(debtor) end
  debts.each_before(debtor or job, debts.keep_bytes)
  if has(job, 'e') then for id in pairs(rare.kids(job)) do if load(id) then debts.keep_bytes(load(id)) end end end
end
function V.retry(id, attempt, version, left)
  local job, why, state = admit(FROM.retry, id, attempt, nil, version)
  if not job then return nil, why, state end
  local debtor = debts.debtor_of(job)
  why, state = why_not(job, debtor)
  if why then return nil, why, state or job.state end
  local around = has(job, 'c') and load(job.parent)   -- where it is over, it closes by itself, and so it opens by itself
  if around and ENDED[around.state] and not V.retry(around.id, '', '', '') then return nil, 'envelope_over', job.state end
  supersede(debts.debt_of(job))
  take_debt_back(job)
  keep_all_bytes(job, debtor)
  drop_ended_upstreams(job)
  rare.next_attempt(job, job.state)
  put(job, 'due', 0)
  if left ~= '' then put(job, has(job, 'w') and 'left.*' or 'left', tonumber(left)) end
  if has(job, 'u') then own('unique:' .. job.unique, id) end
  if has(job, 'l') then rare.join_lane(job) end
  settle(job, 'retried')
  if has(job, 'z') then rare.look_at_last(job) end   -- unless a child of it is tried again, too, it is over
  return {job.state, job.attempt}
end
