// The queues and tables, once for those that make them and those that give access to them.

// The host's own `<queue>-poison` too: it is made here, so that nothing appears by itself.
@export()
var queues = [
  'download-items'
  'import-items'
  'download-items-poison'
  'import-items-poison'
  'unmapped-items-poison'
  'oversize-items-poison'
  'failed-items-poison'
]

@export()
var tables = [
  'runs'
  'items'
  'deliveries'
  'content'
]
