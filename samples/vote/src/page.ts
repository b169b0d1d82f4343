import type { Result } from './ballot.ts';
import { RESET } from './ballot.ts';

/** The page with its buttons and the result. Everything that comes from outside is escaped. */
export function renderPage(title: string, results: readonly Result[]): string {
  const buttons = [...results.map(({ choice }) => [choice, choice] as const), [RESET, 'Reset'] as const]
    .map(([value, caption], index) => {
      const classes = `button button${index + 1}`;
      return `        <button name="vote" value="${escape(value)}" class="${classes}">${escape(caption)}</button>`;
    })
    .join('\n');
  const text = results.map(({ choice, votes }) => `${escape(choice)} - ${escape(votes)}`).join(' | ');
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${escape(title)}</title>
    <link rel="stylesheet" href="/static/default.css">
  </head>
  <body>
    <main>
      <h1 class="logo">${escape(title)}</h1>
      <form method="post" action="/">
${buttons}
      </form>
      <p class="results"> ${text} </p>
    </main>
  </body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
