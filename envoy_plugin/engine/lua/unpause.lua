-- queue -> whether that is news
function V.unpause(queue)
  later('HDEL', P .. 'paused', queue)
  woken[queue] = true
  return call('HEXISTS', P .. 'paused', queue)
end
