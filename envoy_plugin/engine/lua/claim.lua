-- queue, n, who, lease in ms (0 none), '1' where the queue serves installs in turn -> what was handed out
function V.claim(queue, n, who, lease, in_turn)
  local got, _, is_empty = hand_out(queue, tonumber(n), who, tonumber(lease))
  if in_turn == '1' and is_empty then   -- it owes nobody a turn
    later('UNLINK', P .. 'turns:' .. queue)
    turns[queue] = {known = setmetatable({}, {__index = function() return 0 end}), new = {}}
  end
  return got
end
