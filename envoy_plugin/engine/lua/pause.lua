-- queue, why -> whether that is news
function V.pause(queue, why)
  later('HSET', P .. 'paused', queue, why)
  return call('HEXISTS', P .. 'paused', queue) == 0 and 1 or 0
end
