import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';

import type { CliContext } from '../../context.ts';
import { switchFlag } from '../flags.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { nonBlank } from './parsers.ts';

export interface ExportFlags extends WorldFlags {
  readonly withoutSalts: boolean;
}

const file = { kind: 'tuple', parameters: [{ brief: 'File', placeholder: 'FILE', parse: nonBlank }] } as const;

export const exportCommand: Command<CliContext> = buildCommand<ExportFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../../admin/export-world.ts')).runExport),
  parameters: {
    flags: { withoutSalts: switchFlag('Leave the salts out'), ...worldFlags },
    positional: file,
  },
  docs: {
    brief: 'Write a whole world, its secrets included, into one file',
    fullDescription: 'The file is readable by its owner only. It holds every key and salt: guard it like them.',
  },
});

export const importCommand: Command<CliContext> = buildCommand<ChangeFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../../admin/import-world.ts')).runImport),
  parameters: { flags: changeFlags, positional: file },
  docs: {
    brief: 'Replace a world by an exported one, or fill an empty folder or container',
    fullDescription:
      'Everything is checked before anything is written; versions go on from those that are published, so running operators take it up.',
  },
});
