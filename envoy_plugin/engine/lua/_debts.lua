-- What a job owes when it ends, and who has it. The group `debts`.
function debts.keep_bytes(job) each_bytes(job, function(name) later('PERSIST', name) end) end
function debts.debtor_of(job) return has(job, 'r') and load(job.id:match('^(.+)%.%d+$')) end
function debts.debt_of(job) return has(job, 'o') and load(job.id .. '.' .. job.attempt) end
function debts.root_of(job) return has(job, 'j') and load(job.root) end   -- the job whose debt it has
-- Whether what it owes, or has passed on, isn't told yet: it is up to the last of those to whom it was passed.
function debts.is_owed(job)
  local heir = has(job, 'h') and load(job.heir)
  if heir then return not (ENDED[heir.state] or has(heir, 'h')) or debts.is_owed(heir) end
  local debt = debts.debt_of(job)
  return debt and not ENDED[debt.state] or false
end
-- Those who have passed on what this job owes.
function debts.each_before(debtor, act)
  local job = debts.root_of(debtor)
  while job and job ~= debtor do
    act(job)
    job = has(job, 'h') and load(job.heir)
  end
end
-- What a job owes becomes a job of its own, or that of a debt which was taken back; owes = 'kind retries base factor cap'.
function debts.follow_up(job, debt)
  local kind, left, backoff = job.owes:match('^(%S+) (%d+) (.+)$')
  if debt then
    if has(debt, 'x') then rare.unmark(debt, 'x') put(debt, 'kept', debt.kept + 1) end   -- it was deleted, and is needed again
    debts.keep_bytes(debt)
    rare.next_attempt(debt, debt.state)
    put(debt, 'queue', kind) put(debt, 'kind', kind) put(debt, 'due', 0)
  else
    debt = create(job.id .. '.' .. job.attempt, kind, kind, job.install, 4)
    put(debt, 'bare', '1') mark(debt, 'r')
  end
  put(debt, 'left', tonumber(left)) put(debt, 'backoff', backoff)
  settle(debt, debt.state and 'retried' or 'enqueued', job.id)
end
-- The end of a report is what the bytes of the job that owed it were kept for.
function debts.pay(report)
  local debtor = debts.debtor_of(report)
  if not debtor or report.id ~= debtor.id .. '.' .. debtor.attempt then return end
  expire_bytes(debtor)
  debts.each_before(debtor, function(passed) if ENDED[passed.state] then expire_bytes(passed) end end)
end
