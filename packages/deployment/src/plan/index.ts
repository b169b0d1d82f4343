export { ownedDifferences } from './owned-diff.ts';
export type { ChangeKind, FieldDifference } from './owned-diff.ts';
export { asWhatIf, normaliseWhatIf } from './what-if.ts';
export type {
  PlannedChange,
  PlannedChangeKind,
  PlannedField,
  WhatIfChange,
  WhatIfChangeType,
  WhatIfPropertyChange,
  WhatIfPropertyChangeType,
} from './what-if.ts';
