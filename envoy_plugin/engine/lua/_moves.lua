-- Where a job goes: admitting a verb, `settle`, `move`, and what an end brings with it.
local changes, MOST = 0, 1000   -- how many jobs one call changes because others have ended
-- The job, or nil, why this verb may not act on it, and the state that says so. Empty attempt, claim or version: not checked.
local function admit(from, id, attempt, claim, version)
  local job = load(id)
  if not job then return nil, 'not_found' end
  if attempt ~= '' and tonumber(attempt) ~= job.attempt then
    local record = tonumber(attempt) < job.attempt and rare.past(job)[attempt]
    if record then return nil, 'wrong_state', record:match('^%S+') end
    return nil, 'not_found'
  end
  if has(job, 'x') then return nil, 'not_found' end
  if claim and claim ~= '' and (tonumber(claim) ~= job.claim or job.state ~= 'running') then return nil, 'lost_lease', job.state end
  if version and version ~= '' and tonumber(version) ~= job.version then return nil, 'version_mismatch', job.state end
  if has(job, 'e') and not from.envelope then return nil, 'envelope', job.state end
  if not from[job.state] and not (from.skippable and rare.may_skip(job)) then return nil, 'wrong_state', job.state end
  return job
end
local finish
-- The only writer of state, place, version and history. Without an event only the place changes, without a place only the facts.
local function move(job, state, event, detail, place)
  if place then job.moved, job.place = true, place end
  if not event then return end
  local from = job.state
  put(job, 'state', state)
  put(job, 'version', job.version + 1)
  write(job, whole(job.version), event .. ' ' .. state .. ' ' .. stamp .. ' ' .. whole(job.attempt) .. (detail and ' ' .. detail or ''))
  if job.version > HISTORY then later('HDEL', key('job:', job), job.version - HISTORY) end
  if job.more then
    if has(job, 'q') then rare.revise(job, event, from, state) end
    if has(job, 'c') and from ~= state then rare.tell_parent(job, from, state) end
  end
  if ENDED[state] and from ~= state then finish(job, state) end
end
-- The only place that decides where a job waits that neither runs nor is over.
local function settle(job, event, detail)
  if job.more then
    if has(job, 'e') then return move(job, 'running', event, detail, 'inf') end   -- nobody claims an envelope
    if has(job, 'g') and job.gates > 0 then return move(job, 'blocked', event, detail, stamp) end
  end
  if job.due > now then return move(job, 'scheduled', event, detail, whole(job.due)) end
  move(job, 'available', event, detail, has(job, 'f') and job.state ~= 'available' and fair.turn_of(job) or job.rank)
  fresh[#fresh + 1] = job
end
-- Bytes: payload, blobs, and kept blobs with a key of their own. Whoever needs those of an ended job has them for a while longer.
local function each_bytes(job, act)
  if not has(job, 'r') then act(key('payload:', job)) end
  if has(job, 'b') then act(key('blobs:', job)) end
  if has(job, 'k') then
    act(key('refs:', job))
    for _, ref in pairs(rare.refs(job)) do act(P .. 'blob:' .. ref) end
  end
end
local function expire_bytes(job)
  local parent = has(job, 'c') and load(job.parent)
  if job.state == 'failed' or parent and not ENDED[parent.state] then return end
  each_bytes(job, function(name) later('PEXPIRE', name, ARGV[3]) end)
end
-- What an end brings with it (called by move alone): the follow-up, the bytes' last hours, the key, the lane, those that wait.
function finish(job, state)
  if has(job, 'o') then debts.follow_up(job) elseif not (has(job, 'h') and debts.is_owed(job)) then expire_bytes(job) end
  if not job.more then return end
  if has(job, 'r') then debts.pay(job) end
  if has(job, 'u') then
    if job.till == '0' then own('unique:' .. job.unique, false) elseif job.till ~= 'kept' then later('PEXPIREAT', P .. 'unique:' .. job.unique, job.till) end
  end
  if has(job, 'l') then rare.leave_lane(job) end
  if has(job, 'd') then rare.settle_dependents(job) end
  if has(job, 'e') then rare.let_children_go(job) end
end
