-- id, attempt, claim, heir
function V.pass_debt(id, attempt, claim, to)
  local job, why, state = admit(FROM.pass_debt, id, attempt, claim)
  if not job then return nil, why, state end
  local heir = load(to)
  if not heir or has(heir, 'x') then return nil, 'no_job', to end
  if not has(job, 'o') then return nil, 'owes_nothing', job.state end
  if heir == job or has(heir, 'o') or has(heir, 'h') or has(heir, 'r') then return nil, 'owes_already', heir.state end
  put(heir, 'owes', job.owes) put(heir, 'root', has(job, 'j') and job.root or id) mark(heir, 'o') mark(heir, 'j')
  put(job, 'heir', to) mark(job, 'h') rare.unmark(job, 'o')
  if ENDED[heir.state] then
    debts.keep_bytes(heir)
    debts.follow_up(heir, load(to .. '.' .. heir.attempt))
  end
  return heir.state
end
