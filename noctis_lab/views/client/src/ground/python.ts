/** Python to be pasted into an empty cell. */

/** Write a text as a Python literal: JSON's escapes are Python's too. */
export const pythonText = (text: string): string => JSON.stringify(text);

/** Write how Python opens this archive; `root` as the status tells it, null where none need be named. */
const openingOf = (root: string | null): string => `nl.open_lab(${root === null ? "" : pythonText(root)})`;

/** Write the lines that everything copied begins with. */
export const beginningOf = (root: string | null): string => `import noctis_lab as nl\n\nlab = ${openingOf(root)}\n`;
