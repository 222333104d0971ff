-- The group `rare`: envelopes and their children.
-- An envelope that closes by itself, and may have nobody left: it is looked at when the whole call has run.
function rare.look_at_last(envelope)
  emptied = emptied or {}
  emptied[#emptied + 1] = envelope
end
-- A child's state is told to its envelope, with how many of them aren't over.
function rare.tell_parent(job, from, state)
  local parent = load(job.parent)
  if not parent then return end
  local change = (ENDED[state] and 0 or 1) - (from and not ENDED[from] and 1 or 0)
  if change ~= 0 then put(parent, 'alive', parent.alive + change) end
  if change < 0 and has(parent, 'z') then rare.look_at_last(parent) end
  rare.amend(parent, 'kids', job.id, state)
  later('HSET', key('children:', parent), job.id, state)
end
-- An envelope that closes by itself is being cancelled: what runs may end, and nothing is tried again.
function rare.is_going(envelope) return has(envelope, 'z') and rare.doors(envelope)['hold:closing'] end
-- It ends with the last of its children: well where all of them did.
function rare.close(envelope)
  if envelope.alive > 0 or ENDED[envelope.state] or not jobs[envelope.id] then return end
  local state, reason = 'succeeded', nil
  for _, ended in pairs(rare.kids(envelope)) do
    if ended ~= 'succeeded' then state, reason = 'failed', 'not_all_succeeded' end
  end
  if rare.is_going(envelope) then state, reason = 'cancelled', 'operator' end
  if reason then put(envelope, 'reason', reason) end
  move(envelope, state, state, reason, stamp)
end
-- Children's bytes are kept for as long as their envelope isn't over.
function rare.let_children_go(envelope)
  for id in pairs(rare.kids(envelope)) do
    local child = load(id)
    if child and ENDED[child.state] and not debts.is_owed(child) then expire_bytes(child) end
  end
end
