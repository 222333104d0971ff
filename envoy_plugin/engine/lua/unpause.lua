-- queue -> whether that is news
function V.unpause(queue)
  paused[queue], woken[queue] = false, true
  later('DEL', P .. 'paused:' .. queue)
  return call('EXISTS', P .. 'paused:' .. queue)
end
