import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

interface DocumentModule {
  replaceTable(document: string, table: string, shape: string): string | undefined;
  tableProblem(document: string, shape: string): string | undefined;
}

const SHAPE = '0123456789ab';
const EMPTY = '# Hosts\n\n<!-- generated: npm run hosts:table -->\n<!-- end of generated -->\n\nProse.\n';
const TABLE = '| a | b |\n| --- | --- |\n| 1 | 2 |';

describe('the generated table of a document', () => {
  let module: DocumentModule;

  before(async () => {
    module = (await import(fileURLToPath(new URL('../../../scripts/hosts/document.js', import.meta.url)))) as DocumentModule;
  });

  const written = (table = TABLE, document = EMPTY): string => {
    const text = module.replaceTable(document, table, SHAPE);
    assert(text !== undefined);
    return text;
  };

  it('goes between the marks and leaves the rest alone; a second one takes its place', () => {
    const first = written();
    assert(first.startsWith('# Hosts\n\n<!-- generated') && first.endsWith('<!-- end of generated -->\n\nProse.\n'), first);
    assert(first.includes(`\n\n${TABLE}\n\n`));
    const second = written('| c |\n| --- |', first);
    assert(!second.includes(TABLE) && second.includes('| c |'));
    assert.equal(written(TABLE, second), first);
  });

  it('is in order as it was written', () => {
    assert.equal(module.tableProblem(written(), SHAPE), undefined);
  });

  it('is not in order where it was never made, changed by hand, made by another release, or has no place', () => {
    assert.match(module.tableProblem(EMPTY, SHAPE) ?? '', /never made/);
    assert.match(module.tableProblem(written().replace('| 1 | 2 |', '| 1 | 3 |'), SHAPE) ?? '', /by hand/);
    assert.match(module.tableProblem(written(), 'ba9876543210') ?? '', /other probes/);
    for (const broken of ['# Hosts\n', EMPTY.replace('<!-- end of generated -->', ''), written().replace('<!-- end of generated -->', '')]) {
      assert.match(module.tableProblem(broken, SHAPE) ?? '', /lacks the marks/);
      assert.equal(module.replaceTable(broken, TABLE, SHAPE), undefined);
    }
  });
});
