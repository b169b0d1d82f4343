/** A table row; bars and line breaks inside a cell are escaped. */
export function row(...cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** The head of a table. */
export function tableHead(...names: readonly string[]): string[] {
  return [row(...names), `|${names.map(() => '---|').join('')}`];
}

export function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
