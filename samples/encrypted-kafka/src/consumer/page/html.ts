import type { ShownMessage } from '../message-board.ts';
import type { PageView } from './view.ts';

const ABOUT = 'https://learn.microsoft.com/azure/aks/confidential-containers-overview';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an element or a quoted attribute. Whoever has the public key decides what a message says. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** The whole page. The ids are what `live.js` writes to. */
export function renderPage(view: PageView): string {
  const text = escapeHtml;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Confidential Containers on AKS</title>
<link rel="icon" href="/favicon.ico" type="image/svg+xml">
<link rel="stylesheet" href="/web/globals.css">
<link rel="stylesheet" href="/web/Home.module.css">
<script src="/web/live.js" defer></script>
</head>
<body>
<main>
<h1>Welcome to <a href="${ABOUT}">Confidential Containers on AKS!</a></h1>
<section class="message" id="shown" data-shows="${view.shows}" aria-labelledby="heading">
<h2 id="heading">${text(view.heading)}</h2>
<p aria-live="polite"><code id="message">${text(view.message)}</code></p>
<p class="explanation" id="explanation">${text(view.explanation)}</p>
</section>
<section class="state" aria-labelledby="state-heading">
<h3 id="state-heading">State</h3>
<dl>
<div><dt>Key</dt><dd id="key" data-state="${view.key.state}">${text(view.key.text)}</dd></div>
<div><dt>Kafka</dt><dd id="kafka" data-state="${view.kafka.state}">${text(view.kafka.text)}</dd></div>
<div><dt>Updates</dt><dd id="live">Reload the page to see newer messages.</dd></div>
</dl>
</section>
<section class="recent" aria-labelledby="recent-heading">
<h3 id="recent-heading">Last messages</h3>
<div class="scroll" role="region" aria-labelledby="recent-heading" tabindex="0">
<table>
<thead><tr><th scope="col">No.</th><th scope="col">Partition</th><th scope="col">Offset</th><th scope="col">Received</th><th scope="col">Message</th></tr></thead>
<tbody id="messages">
${view.messages.map(row).join('\n')}
</tbody>
</table>
</div>
</section>
</main>
</body>
</html>
`;
}

function row(message: ShownMessage): string {
  const { number, partition, offset, receivedAt } = message;
  const time = escapeHtml(receivedAt);
  const cells = [String(number), String(partition), escapeHtml(offset), `<time datetime="${time}">${time}</time>`];
  const text = `<td><code>${escapeHtml(message.text)}</code></td>`;
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}${text}</tr>`;
}
