import ts from 'typescript';

const OPTIONS = /(Options|Config)$|^Credentials$/;
const COMPILE_DEADLINE_MS = 60_000;

interface Member {
  readonly name: string;
  readonly isOptional: boolean;
  readonly text: string;
}

describe('the options of the package', () => {
  let members: readonly Member[];

  beforeAll(() => {
    members = readMembers();
  }, COMPILE_DEADLINE_MS);

  it('are found', () => {
    expect(members.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'ServerMqttOptions.concurrency',
        'ServerMqttOptions.keepalive',
        'MqttInstrumentationConfig.startsTrace',
      ]),
    );
  });

  it('say what they are, where they are typed in', () => {
    expect(members.filter(({ text }) => text === '').map(({ name }) => name)).toEqual([]);
  });

  it('say what holds without them', () => {
    const silent = members.filter(({ isOptional, text }) => isOptional && !/\bdefault\b/i.test(text));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});

/** The members of all options that an entry point exports, and that are declared in src/. */
function readMembers(): Member[] {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
  const entryPoints = Object.values(options.paths ?? {}).flat();
  const program = ts.createProgram(entryPoints, options);
  const checker = program.getTypeChecker();
  return entryPoints.flatMap((path) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(path)!)!;
    const exported = checker.getExportsOfModule(module).filter(({ name }) => OPTIONS.test(name));
    return exported.flatMap((symbol) => membersOf(checker.getAliasedSymbol(symbol), checker));
  });
}

function membersOf(options: ts.Symbol, checker: ts.TypeChecker): Member[] {
  const properties = checker.getDeclaredTypeOfSymbol(options).getProperties();
  return properties.filter(isOwn).map((property) => ({
    name: `${options.name}.${property.name}`,
    isOptional: (property.flags & ts.SymbolFlags.Optional) !== 0,
    text: ts.displayPartsToString(property.getDocumentationComment(checker)),
  }));
}

function isOwn({ declarations = [] }: ts.Symbol): boolean {
  return declarations.some((declaration) => declaration.getSourceFile().fileName.includes('/src/'));
}
