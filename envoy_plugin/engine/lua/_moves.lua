-- Where a job goes: admitting a verb, `settle`, `move`, what an end brings with it, and the next attempt.
-- The job, or nil, why this verb may not act on it, and the state that says so. Empty attempt, claim or version: not checked.
local function may_skip(job)
  return has(job, 's') and (job.state == 'available' or job.state == 'blocked' and job.gates == 1 and doors(job)['hold:run'])
end
local function admit(from, id, attempt, claim, version)
  local job = load(id)
  if not job then return nil, 'not_found' end
  if attempt ~= '' and tonumber(attempt) ~= job.attempt then
    local record = tonumber(attempt) < job.attempt and past(job)[attempt]
    if record then return nil, 'wrong_state', record:match('^%S+') end
    return nil, 'not_found'
  end
  if has(job, 'x') then return nil, 'not_found' end
  if claim and claim ~= '' and (tonumber(claim) ~= job.claim or job.state ~= 'running') then return nil, 'lost_lease', job.state end
  if version and version ~= '' and tonumber(version) ~= job.version then return nil, 'version_mismatch', job.state end
  if has(job, 'e') and not from.envelope then return nil, 'envelope', job.state end
  if not from[job.state] and not (from.skippable and may_skip(job)) then return nil, 'wrong_state', job.state end
  return job
end
local finish
-- A child's state is told to its envelope, with how many of them aren't over.
local function tell_parent(job, from, state)
  local parent = load(job.parent)
  if not parent then return end
  local change = (ENDED[state] and 0 or 1) - (from and not ENDED[from] and 1 or 0)
  if change ~= 0 then put(parent, 'alive', parent.alive + change) end
  if change < 0 and has(parent, 'z') then
    emptied = emptied or {}
    emptied[#emptied + 1] = parent
  end
  amend(parent, 'kids', job.id, state)
  later('HSET', key('children:', parent), job.id, state)
end
-- What an owned queue's claimant sees change in an attempt: 1 when it is first available, then each claim, note and end.
local function revise(job, event, from, state)
  if event == 'claimed' or event == 'noted' or ENDED[state] and from ~= state or state == 'available' and job.revision == 0 then put(job, 'revision', job.revision + 1) end
end
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
    if has(job, 'q') then revise(job, event, from, state) end
    if has(job, 'c') and from ~= state then tell_parent(job, from, state) end
  end
  if ENDED[state] and from ~= state then finish(job, state) end
end
-- The place in a queue that serves installs in turn, given when a job becomes available: one turn after its install's last, and not
-- before the turn that is being served. Each priority has turns of its own.
local function turns_of(queue)
  local all = turns[queue]
  if not all then all = {known = {}, new = {}} turns[queue] = all end
  return all
end
local function set_turn(queue, field, turn)
  local all = turns_of(queue)
  all.known[field], all.new[field] = turn, whole(turn)
end
local function turn_of(job)
  local class, known = job.rank:sub(1, 1), turns_of(job.queue).known
  local mine = class .. job.install
  if not (known[mine] and known[class]) then
    local found = call('HMGET', P .. 'turns:' .. job.queue, mine, class)
    known[mine], known[class] = known[mine] or tonumber(found[1] or 0), known[class] or tonumber(found[2] or 0)
  end
  set_turn(job.queue, mine, math.max(known[mine], known[class]) + 1)
  put(job, 'rank', class .. string.format('%015d', known[mine]))
  return job.rank
end
-- The only place that decides where a job waits that neither runs nor is over.
local function settle(job, event, detail)
  if job.more then
    if has(job, 'e') then return move(job, 'running', event, detail, 'inf') end   -- nobody claims an envelope
    if has(job, 'g') and job.gates > 0 then return move(job, 'blocked', event, detail, stamp) end
  end
  if job.due > now then return move(job, 'scheduled', event, detail, whole(job.due)) end
  move(job, 'available', event, detail, has(job, 'f') and job.state ~= 'available' and turn_of(job) or job.rank)
  fresh[#fresh + 1] = job
end
-- A changed fact: a waiting job is settled again, a running one remembers it, an ended one keeps it for its retry.
function changed(job, event, detail)
  if job.state == 'running' then move(job, 'running', event, detail) elseif not ENDED[job.state] then settle(job, event, detail) end
end
-- Bytes: payload, blobs, and kept blobs with a key of their own. Whoever needs those of an ended job has them for a while longer.
local function each_bytes(job, act)
  if not has(job, 'r') then act(key('payload:', job)) end
  if has(job, 'b') then act(key('blobs:', job)) end
  if has(job, 'k') then
    act(key('refs:', job))
    for _, ref in pairs(refs(job)) do act(P .. 'blob:' .. ref) end
  end
end
local function expire_bytes(job)
  local parent = has(job, 'c') and load(job.parent)
  if job.state == 'failed' or parent and not ENDED[parent.state] then return end
  each_bytes(job, function(name) later('PEXPIRE', name, ARGV[3]) end)
end
local function keep_bytes(job) each_bytes(job, function(name) later('PERSIST', name) end) end
local function debtor_of(job) return has(job, 'r') and load(job.id:match('^(.+)%.%d+$')) end
local function debt_of(job) return has(job, 'o') and load(job.id .. '.' .. job.attempt) end
local function root_of(job) return has(job, 'j') and load(job.root) end   -- the job whose debt it has
local function next_attempt(job, state)
  local record = table.concat({state, job.reason or '-', job.created, job.started or '-', stamp, job.left, has(job, 'q') and job.revision or 0}, ' ')
  past(job)[whole(job.attempt)] = record
  later('HSET', key('attempts:', job), job.attempt, record)
  mark(job, 'a')
  put(job, 'kept', math.max(job.kept, 1) + 1)
  put(job, 'attempt', job.attempt + 1) put(job, 'created', stamp) put(job, 'started', '-') put(job, 'reason', '-')
  put(job, 'crashes', 0) put(job, 'noted', 0)
  if has(job, 'q') then   -- its claimant takes attempts in the order in which they were made
    put(job, 'revision', 0) put(job, 'rank', job.rank:sub(1, 1) .. '00' .. stamp)
  end
end
-- Whether what it owes, or has passed on, isn't told yet.
local function is_owed(job)
  local debt, heir = debt_of(job), has(job, 'h') and load(job.heir)
  return debt and not ENDED[debt.state] or heir and (not ENDED[heir.state] or is_owed(heir)) or false
end
-- Those who have passed on what this job owes.
local function each_before(debtor, act)
  local job = root_of(debtor)
  while job and job ~= debtor do
    act(job)
    job = has(job, 'h') and load(job.heir)
  end
end
-- What a job owes becomes a job of its own, or that of a debt which was taken back; owes = 'kind retries base factor cap'.
local function follow_up(job, debt)
  local kind, left, backoff = job.owes:match('^(%S+) (%d+) (.+)$')
  if debt then
    if has(debt, 'x') then unmark(debt, 'x') put(debt, 'kept', debt.kept + 1) end   -- it was deleted, and is needed again
    keep_bytes(debt)
    next_attempt(debt, debt.state)
    put(debt, 'queue', kind) put(debt, 'kind', kind) put(debt, 'due', 0)
  else
    debt = create(job.id .. '.' .. job.attempt, kind, kind, job.install, 4)
    put(debt, 'bare', '1') mark(debt, 'r')
  end
  put(debt, 'left', tonumber(left)) put(debt, 'backoff', backoff)
  settle(debt, debt.state and 'retried' or 'enqueued', job.id)
end
-- The end of one job is the end of what others waited for, the older first; what one call can't do is left to the next sweep.
local changes = 0
local function settle_dependents(job)
  local ids = {}
  for id in pairs(edges(job)) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local policy, dependent = edges(job)[id], load(id)
    local opens, ends = job.state == 'succeeded' or policy == 'run', policy == 'cancel' and not ENDED[dependent.state]
    if opens or ends then changes = changes + 1 end
    if changes > MOST then
      later('SADD', P .. 'unsettled', job.id)
      return false
    elseif opens then
      open(dependent, 'wait:' .. job.id)
      changed(dependent, 'dependency_met', job.id)
    elseif ends then
      put(dependent, 'reason', 'upstream')
      move(dependent, 'cancelled', 'cancelled', 'upstream', stamp)
    end
  end
  return true
end
-- What an end brings with it (called by move alone): the follow-up, the bytes' last hours, the key, the lane, those that wait.
function finish(job, state)
  if has(job, 'o') then follow_up(job) elseif not (has(job, 'h') and is_owed(job)) then expire_bytes(job) end
  if not job.more then return end
  local debtor = debtor_of(job)
  if debtor and job.id == debtor.id .. '.' .. debtor.attempt then
    expire_bytes(debtor)
    each_before(debtor, function(passed) if ENDED[passed.state] then expire_bytes(passed) end end)
  end
  if has(job, 'u') then
    if job.till == '0' then own('unique:' .. job.unique, false) elseif job.till ~= 'kept' then later('PEXPIREAT', P .. 'unique:' .. job.unique, job.till) end
  end
  if has(job, 'l') then leave_lane(job) end
  if has(job, 'd') then settle_dependents(job) end
  if has(job, 'e') then
    for id in pairs(kids(job)) do
      local child = load(id)
      if child and ENDED[child.state] and not is_owed(child) then expire_bytes(child) end
    end
  end
end
local function keep_blob(job, name, bytes)
  if not bytes or bytes == '' then return end
  mark(job, 'b')
  later('HSET', key('blobs:', job), name, bytes)
end
-- A stored blob has an hour to live until a verb keeps it. '' names none.
local function is_lost(ref) return ref and ref ~= '' and call('EXISTS', P .. 'blob:' .. ref) == 0 end
local function drop_ref(job, name)
  local old = refs(job)[name]
  if not old then return end
  gone[#gone + 1] = P .. 'blob:' .. old
  refs(job)[name] = nil
  later('HDEL', key('refs:', job), name)
end
local function keep_ref(job, name, ref)
  if not ref or ref == '' or refs(job)[name] == ref then return end
  drop_ref(job, name)
  refs(job)[name] = ref
  mark(job, 'k')
  later('HSET', key('refs:', job), name, ref)
  later('PERSIST', P .. 'blob:' .. ref)
end
-- An envelope that closes by itself is being cancelled: what runs may end, and nothing is tried again.
local function is_going(envelope) return has(envelope, 'z') and doors(envelope)['hold:closing'] end
-- It ends with the last of its children: well where all of them did.
local function close(envelope)
  if envelope.alive > 0 or ENDED[envelope.state] or not jobs[envelope.id] then return end
  local state, reason = 'succeeded', nil
  for _, ended in pairs(kids(envelope)) do
    if ended ~= 'succeeded' then state, reason = 'failed', 'not_all_succeeded' end
  end
  if is_going(envelope) then state, reason = 'cancelled', 'operator' end
  if reason then put(envelope, 'reason', reason) end
  move(envelope, state, state, reason, stamp)
end
-- Ends one attempt: a new one while retries are left (of its reason, where they are counted so), else failed for good.
-- delay: ms, or '' for the job's own backoff, which is exact where its factor is 1.
local function lose(job, reason, final, delay, jitter)
  local field = 'left'
  if has(job, 'w') then field = job['left.' .. reason] and 'left.' .. reason or 'left.*' end
  local left = tonumber(job[field] or 0)
  local parent = has(job, 'c') and load(job.parent)
  put(job, 'reason', reason)
  if final or left <= 0 or parent and is_going(parent) then return move(job, 'failed', 'failed', reason, stamp) end
  local base, factor, cap = (job.backoff or '0 1 0'):match('(%S+) (%S+) (%S+)')
  local wait = delay ~= '' and tonumber(delay) or factor == '1' and tonumber(base) or math.min(base * factor ^ (job.attempt - 1), tonumber(cap)) * jitter
  if has(job, 'q') then put(job, 'revision', job.revision + 1) end
  next_attempt(job, 'failed')
  put(job, field, left - 1)
  put(job, 'due', now + math.floor(wait))
  settle(job, 'attempt_failed', reason)
end
-- What is due becomes available, and what was held until now opens. An index is read as it was before the call: ask the job.
local function promote_due(limit)
  local due = call('ZRANGE', P .. 'scheduled', '-inf', stamp, 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(due) do
    local job = load(id)
    if job and job.state == 'scheduled' and job.due <= now then settle(job, 'promoted') end
  end
  local timers = call('ZRANGE', P .. 'timers', '-inf', stamp, 'BYSCORE', 'LIMIT', 0, limit)
  for _, timer in ipairs(timers) do
    local id, gate = timer:match('^(%S+) (.*)$')
    local job = load(id)
    local till = job and tonumber(doors(job)[gate])
    if not till then later('ZREM', P .. 'timers', timer)
    elseif till > 0 and till <= now then
      open(job, gate)
      changed(job, 'unheld', gate:sub(6))
    end
  end
  return #due + #timers
end
