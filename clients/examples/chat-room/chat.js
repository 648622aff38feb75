// A chat room: a topic for each room, an event for each message. The page takes the client library from a replica, and
// knows nothing of what happens when that one dies but what it is told: the library moves on, with what was being sent.

const MESSAGE = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 40 }, text: { type: 'string', minLength: 1, maxLength: 2000 } },
  required: ['name', 'text'],
}
/** Of a room: kept by the group. Of them and of notes: shown. */
const MESSAGES_KEPT = 1000
const LINES_SHOWN = 1000

const [room, log, write, another, status] = ['room', 'log', 'write', 'another', 'status'].map((id) =>
  document.getElementById(id),
)
write.elements.name.value = sessionStorage.getItem('name') ?? ''

const replicas = await (await fetch('replicas.json')).json()
const { connect } = await firstOf(replicas, (replica) => import(`${replica}/client.js`))

let attached
const welcome = Promise.withResolvers()
const client = connect({
  replicas,
  onCluster({ replica, view, primary }) {
    if (attached !== undefined && attached !== replica) note(`moved from replica ${attached} to ${replica}`)
    attached = replica
    welcome.resolve()
    const members = view.members.map(({ name }) => name).join(', ')
    const wait = primary ? '' : '; it waits for the others, and what is sent waits with it'
    tell(`At replica ${replica} of ${members}${wait}.`)
  },
  onBroken() {
    tell(`Lost replica ${attached ?? ''}; looking for another one …`)
  },
})

/** The topic of the room, when it is there. */
let topic
let leave = new AbortController()

async function enter() {
  leave.abort()
  leave = new AbortController()
  const { signal } = leave
  room.textContent = location.hash.slice(1)
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === location.hash) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  log.replaceChildren()
  topic = createTopic(`chat.${room.textContent}`)
  try {
    for await (const item of (await topic).subscribe({ from: 'start', signal })) {
      if (item.kind === 'event') show(item)
      else if (item.kind === 'gap') note('older messages are gone')
    }
  } catch (error) {
    if (!signal.aborted) note(`this room cannot be shown: ${error.message}`)
  }
}

/** If it is there already, nothing changes. */
async function createTopic(name) {
  // First at the replica that takes the messages: the others may know of it a moment later.
  const members = client.cluster.view.members
  const isOther = (member) => Number(member.name !== attached)
  const urls = members.toSorted((one, other) => isOther(one) - isOther(other)).map(({ url }) => url)
  await firstOf([...urls, ...replicas], async (replica) => {
    const response = await fetch(`${replica}/v1/topics/${name}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ schema: MESSAGE, retention: { events: MESSAGES_KEPT } }),
    })
    if (!response.ok) throw new Error((await response.json()).detail)
  })
  return client.topic(name)
}

/** Of these replicas some may be gone: the first that it works at. */
async function firstOf(urls, ask) {
  let failure
  for (const url of urls) {
    try {
      return await ask(url)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

// ---- what is seen

function show({ data: { name, text }, time }) {
  const line = document.createElement('p')
  line.className = name === write.elements.name.value ? 'message own' : 'message'
  line.append(
    element('time', new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })),
    element('b', name),
    element('span', text),
  )
  line.firstChild.dateTime = time
  add(line)
}

function note(text) {
  const line = element('p', text)
  line.className = 'note'
  add(line)
}

/** Who has scrolled up to read is left there. */
function add(line) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40
  log.append(line)
  while (log.childElementCount > LINES_SHOWN) log.firstChild.remove()
  if (atEnd) log.scrollTop = log.scrollHeight
}

function tell(text) {
  status.textContent = text
  status.dataset.replica = attached ?? ''
}

function element(kind, text) {
  const made = document.createElement(kind)
  made.textContent = text
  return made
}

// ---- what is done

write.addEventListener('submit', async (event) => {
  event.preventDefault()
  const { name, text } = write.elements
  const message = { name: name.value, text: text.value }
  sessionStorage.setItem('name', name.value)
  text.value = ''
  text.focus()
  try {
    await (await topic).publish(message)
  } catch (error) {
    note(`not sent${error.outcome === 'unknown' ? ', perhaps' : ''}: ${message.text} (${error.message})`)
  }
})

another.addEventListener('submit', (event) => {
  event.preventDefault()
  location.hash = another.elements.room.value
  another.reset()
})

await welcome.promise
addEventListener('hashchange', enter)
if (/^#[A-Za-z0-9_-]{1,40}$/.test(location.hash)) enter()
else location.hash = 'lobby'
for (const form of [write, another]) form.firstElementChild.disabled = false
