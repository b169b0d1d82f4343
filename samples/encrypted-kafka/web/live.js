// Keeps the page up to date. Whatever comes from the server is written as text, never as markup.
const element = (id) => document.getElementById(id);

function show(view) {
  element('heading').textContent = view.heading;
  element('message').textContent = view.message;
  element('explanation').textContent = view.explanation;
  element('shown').dataset.shows = view.shows;
  for (const name of ['key', 'kafka']) {
    element(name).textContent = view[name].text;
    element(name).dataset.state = view[name].state;
  }
  element('messages').replaceChildren(...view.messages.map(row));
}

function row(message) {
  const line = document.createElement('tr');
  const time = document.createElement('time');
  time.dateTime = message.receivedAt;
  time.textContent = message.receivedAt;
  const text = document.createElement('code');
  text.textContent = message.text;
  for (const content of [message.number, message.partition, message.offset, time, text]) {
    const cell = document.createElement('td');
    cell.append(content);
    line.append(cell);
  }
  return line;
}

const events = new EventSource('/events');
events.addEventListener('open', () => {
  element('live').textContent = 'Live: new messages appear by themselves.';
});
events.addEventListener('message', (event) => show(JSON.parse(event.data)));
events.addEventListener('error', () => {
  element('live').textContent = 'The connection to this page was lost; connecting again.';
});
