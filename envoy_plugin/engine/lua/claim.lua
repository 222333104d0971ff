-- queue, n, who, lease in ms (0 none), '1' where the queue serves installs in turn -> what was handed out
function V.claim(queue, n, who, lease, in_turn)
  local got, chosen = hand_out(queue, tonumber(n), who, tonumber(lease))
  if in_turn == '1' and not chosen[1] and not turns[queue] then gone[#gone + 1] = P .. 'turns:' .. queue end   -- an empty queue owes nobody a turn
  return got
end
