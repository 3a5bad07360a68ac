//! Where the cycles of a batch go: by part of the program and by function, of the very program that is proven.
//!
//! The program carries no marks, which would change it and cost cycles of their own. Instead every instruction that it runs is
//! counted under its calls, and a build of the same source that keeps its symbols (`guest/build.sh symbols`) says which functions
//! each instruction belongs to, inlined ones included. That build is believed only if its code and data are those of the program.
//!
//! Invariant: every cycle is in exactly one part and in one function.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use addr2line::Loader;
use proofbook_ledger::Sealed;
use serde::Serialize;
use sp1_core_executor::{
    CycleResult, ExecutionError, GasEstimatingVM, Instruction, MinimalExecutorEnum, Program,
    SP1CoreOpts, SupervisorMode,
};

use crate::executor::inputs;
use crate::{ProvenProgram, ProverError};

/// The register that holds where a call returns to, by the calling convention.
const RETURN_ADDRESS: u64 = 1;

/// The head of an ELF file, which is loaded with what follows it.
const ELF_HEAD_BYTES: u64 = 64;

/// Which part a function belongs to, with all that it calls, unless that belongs to another: by what its short name contains.
///
/// The innermost function of a stack that is listed decides.
const PARTS: [(&str, &str); 13] = [
    ("proofbook_guest::runtime::input", DECODE),
    ("::from_words", DECODE),
    (
        "proofbook_commitment::store::Store>::fetch",
        "witness check",
    ),
    ("proofbook_commitment::store::rehash", "commitment: state"),
    ("::state_root", "commitment: state"),
    ("proofbook_transition::events::", "commitment: events"),
    ("proofbook_commitment::list::", LISTS),
    ("proofbook_commitment::node::command", LISTS),
    ("proofbook_guest::runtime::commit", "commitment: values"),
    ("proofbook_commitment::public::", "commitment: values"),
    (BOOK_METHOD, BOOK),
    ("proofbook_matching::", "matching: rules"),
    // What the loop over the commands hashes itself is the commands.
    (LOOP, REST),
];

const DECODE: &str = "decode";
const LISTS: &str = "commitment: lists";
const BOOK: &str = "matching: book";
const BOOK_METHOD: &str = "proofbook_transition::book::TrieBook as proofbook_book::Book>::";
const LOOP: &str = "proofbook_transition::run::";
const DIGEST: &str = "proofbook_commitment::node::Preimage>::digest";

/// What is in no part.
const REST: &str = "rest";

/// One function's own cycles within one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Function {
    /// Its name without its type arguments.
    pub name: String,
    /// The part within which it was called.
    pub part: &'static str,
    /// Cycles, without those of the functions that it calls.
    pub cycles: u64,
}

/// Where the cycles of a batch go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Cycles, all together.
    pub cycles: u64,
    /// Cycles by part.
    pub parts: BTreeMap<&'static str, u64>,
    /// Cycles of the book's part by what the book was asked for.
    pub book: BTreeMap<String, u64>,
    /// Functions by their own cycles, the most first.
    pub functions: Vec<Function>,
}

/// A place in the tree of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Call {
    /// The call within which it is, by its place in [`Counts::calls`]; of the first one, itself.
    parent: usize,
    /// The instruction that calls.
    from: u64,
}

/// Instructions that were run, by call and address.
#[derive(Debug)]
struct Counts {
    calls: Vec<Call>,
    places: HashMap<Call, usize>,
    current: usize,
    cycles: HashMap<(usize, u64), u64>,
}

impl Counts {
    fn new(entry: u64) -> Self {
        let first = Call {
            parent: 0,
            from: entry,
        };
        Counts {
            calls: vec![first],
            places: HashMap::new(),
            current: 0,
            cycles: HashMap::new(),
        }
    }

    /// An instruction was run, and `next` comes after it.
    fn count(&mut self, instruction: &Instruction, address: u64, next: u64) {
        *self.cycles.entry((self.current, address)).or_default() += 1;
        if !instruction.is_jump_instruction() {
            return;
        }
        if u64::from(instruction.op_a) == RETURN_ADDRESS {
            let call = Call {
                parent: self.current,
                from: address,
            };
            let calls = &mut self.calls;
            self.current = *self.places.entry(call).or_insert_with(|| {
                calls.push(call);
                calls.len() - 1
            });
        } else if instruction.is_jalr_instruction() && instruction.op_b == RETURN_ADDRESS {
            self.end_call(next);
        }
    }

    /// Goes back to where the call that returns to an address was made; a jump that no call belongs to stays where it is.
    fn end_call(&mut self, next: u64) {
        let mut call = self.current;
        while call != 0 {
            let Call { parent, from } = self.calls[call];
            if from + 4 == next {
                self.current = parent;
                return;
            }
            call = parent;
        }
    }
}

fn failed(error: impl ToString) -> ProverError {
    ProverError::Execution(error.to_string())
}

fn unreadable(error: impl ToString) -> ProverError {
    ProverError::Program(format!("the symbols: {}", error.to_string()))
}

fn is_same_code(some: &[Instruction], others: &[Instruction]) -> bool {
    let words = |instruction: &Instruction| {
        let Instruction {
            opcode,
            op_a,
            op_b,
            op_c,
            imm_b,
            imm_c,
            ..
        } = *instruction;
        (opcode, op_a, op_b, op_c, imm_b, imm_c)
    };
    some.iter().map(words).eq(others.iter().map(words))
}

/// The words that a program starts with, but for its file's head: that says where the symbols are.
fn loaded(program: &Program) -> BTreeMap<u64, u64> {
    let words = program.memory_image.iter();
    let sorted: BTreeMap<u64, u64> = words.map(|(&address, &word)| (address, word)).collect();
    let start = sorted.keys().next().copied().unwrap_or_default();
    let is_content = |&(address, _): &(u64, u64)| address >= start + ELF_HEAD_BYTES;
    sorted.into_iter().filter(is_content).collect()
}

fn step(
    machine: &mut GasEstimatingVM<'_, SupervisorMode>,
    instruction: &Instruction,
) -> Result<(), ExecutionError> {
    if instruction.is_memory_load_instruction() {
        machine.execute_load(instruction)?;
    } else if instruction.is_memory_store_instruction() {
        machine.execute_store(instruction)?;
    } else if instruction.is_jump_instruction() {
        machine.execute_jump(instruction);
    } else if instruction.is_branch_instruction() {
        machine.execute_branch(instruction);
    } else if instruction.is_utype_instruction() {
        machine.execute_utype(instruction);
    } else if instruction.is_ecall_instruction() {
        machine.execute_ecall(instruction)?;
    } else {
        machine.execute_alu(instruction);
    }
    Ok(())
}

/// Runs a program that ends with 0, and counts.
fn count(program: &ProvenProgram, inputs: &[Vec<u8>]) -> Result<Counts, ProverError> {
    let options = SP1CoreOpts::default();
    let entries = Some(options.gas_trace_chunk_threshold);
    let mut executor = MinimalExecutorEnum::new(program.program(), false, entries);
    for input in inputs {
        executor.with_input(input);
    }
    let mut counts = Counts::new(program.program().pc_start_abs);
    while let Some(chunk) = executor.execute_chunk() {
        let mut machine = GasEstimatingVM::<SupervisorMode>::new(
            &chunk,
            program.program(),
            [0; 4],
            options.clone(),
        );
        while !machine.core.is_done() {
            let instruction = machine.core.fetch();
            let address = machine.core.pc();
            step(&mut machine, &instruction).map_err(failed)?;
            counts.count(&instruction, address, machine.core.next_pc());
            if !matches!(machine.core.advance(), CycleResult::Done(false)) {
                break;
            }
        }
    }
    if executor.exit_code() != 0 {
        let exit_code = executor.exit_code().into();
        return Err(ProverError::Guest { exit_code });
    }
    let (expected, received) = (executor.global_clk(), counts.cycles.values().sum::<u64>());
    if received != expected {
        return Err(failed(format!(
            "expected {expected} cycles to be counted; received {received}"
        )));
    }
    Ok(counts)
}

/// A demangled name without type arguments: `<a::B<C>>::d` is `<a::B>::d`.
fn short_name(name: &str) -> String {
    let mut short = String::new();
    let mut depth = 0;
    let mut previous = ' ';
    for character in name.chars() {
        // Angle brackets hold arguments after a name; at the start of a path they hold a type.
        match character {
            '<' if depth > 0
                || previous.is_alphanumeric()
                || previous == '_'
                || previous == ':' =>
            {
                depth += 1
            }
            '>' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            _ => short.push(character),
        }
        previous = character;
    }
    short.replace("::::", "::").trim_end_matches("::").into()
}

/// The functions that instructions belong to.
struct Symbols {
    loader: Loader,
    names: HashMap<u64, Vec<String>>,
}

impl Symbols {
    /// Of a build that keeps them.
    fn load(program: &ProvenProgram, path: &Path) -> Result<Self, ProverError> {
        let io = |error| ProverError::Io {
            path: path.display().to_string(),
            error,
        };
        let other = ProvenProgram::from_elf(std::fs::read(path).map_err(io)?)?.program();
        let program = program.program();
        if !is_same_code(&other.instructions, &program.instructions)
            || other.pc_base != program.pc_base
            || loaded(&other) != loaded(&program)
        {
            return Err(ProverError::Program(format!(
                "{}: expected the symbols of this program; received those of another",
                path.display()
            )));
        }
        let loader = Loader::new(path).map_err(unreadable)?;
        Ok(Symbols {
            loader,
            names: HashMap::new(),
        })
    }

    /// The functions around an instruction, the innermost first.
    fn names(&mut self, address: u64) -> Result<&[String], ProverError> {
        if !self.names.contains_key(&address) {
            let mut names = Vec::new();
            let mut frames = self.loader.find_frames(address).map_err(unreadable)?;
            while let Some(frame) = frames.next().map_err(unreadable)? {
                if let Some(function) = frame.function {
                    names.push(short_name(&function.demangle().map_err(unreadable)?));
                }
            }
            if names.is_empty() {
                let symbol = self.loader.find_symbol(address);
                let symbol =
                    symbol.ok_or_else(|| unreadable("expected the name of every function"))?;
                names.push(short_name(&addr2line::demangle_auto(symbol.into(), None)));
            }
            self.names.insert(address, names);
        }
        Ok(&self.names[&address])
    }

    /// All functions around an instruction within a call, the innermost first.
    fn stack(
        &mut self,
        counts: &Counts,
        call: usize,
        address: u64,
    ) -> Result<Vec<String>, ProverError> {
        let mut stack = self.names(address)?.to_vec();
        let mut call = call;
        while call != 0 {
            let Call { parent, from } = counts.calls[call];
            stack.extend_from_slice(self.names(from)?);
            call = parent;
        }
        Ok(stack)
    }
}

/// The part that a stack of functions belongs to, the innermost first.
fn part_of(stack: &[String]) -> &'static str {
    for (place, name) in stack.iter().enumerate() {
        let Some((_, part)) = PARTS.iter().find(|(listed, _)| name.contains(listed)) else {
            continue;
        };
        let is_digest = |name: &String| name.contains(DIGEST);
        if name.contains(LOOP) && stack[..place].iter().any(is_digest) {
            return LISTS;
        }
        return part;
    }
    REST
}

/// Says where the cycles of batches go.
pub struct Profiler {
    program: ProvenProgram,
    symbols: Symbols,
}

impl Profiler {
    /// Of a program; `symbols` is a build of its source that keeps its symbols.
    ///
    /// # Errors
    /// Where there are none, or they are another program's.
    pub fn new(program: &ProvenProgram, symbols: &Path) -> Result<Self, ProverError> {
        Ok(Profiler {
            program: program.clone(),
            symbols: Symbols::load(program, symbols)?,
        })
    }

    /// Where the cycles of a batch go.
    ///
    /// # Errors
    /// Where the program refuses it.
    pub fn profile(&mut self, batch: &Sealed) -> Result<Profile, ProverError> {
        let counts = count(&self.program, &inputs(batch))?;
        let mut profile = Profile::default();
        let mut functions: HashMap<(String, &'static str), u64> = HashMap::new();
        for (&(call, address), &cycles) in &counts.cycles {
            let stack = self.symbols.stack(&counts, call, address)?;
            let part = part_of(&stack);
            // What the standard library does, it does for the function of ours that calls it.
            let ours = stack.iter().find(|name| name.contains("proofbook_"));
            let name = ours.unwrap_or(&stack[0]).clone();
            if part == BOOK {
                let asked = stack.iter().find_map(|name| name.split_once(BOOK_METHOD));
                let method = asked.map_or("", |(_, method)| method);
                *profile.book.entry(method.into()).or_default() += cycles;
            }
            *profile.parts.entry(part).or_default() += cycles;
            *functions.entry((name, part)).or_default() += cycles;
            profile.cycles += cycles;
        }
        let functions = functions.into_iter();
        profile.functions = functions
            .map(|((name, part), cycles)| Function { name, part, cycles })
            .collect();
        profile
            .functions
            .sort_by(|a, b| (b.cycles, &a.name, a.part).cmp(&(a.cycles, &b.name, b.part)));
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp1_core_executor::Opcode;

    fn names(stack: &[&str]) -> Vec<String> {
        stack.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn short_names_have_no_type_arguments() {
        for (long, short) in [
            ("a::b::<c::D, e::F<g>>", "a::b"),
            ("<a::B<c::D>>::e", "<a::B>::e"),
            ("<a::B<c::D> as e::F<g>>::h::<i>", "<a::B as e::F>::h"),
            ("<[a::B]>::c", "<[a::B]>::c"),
            ("<a::B<c>>::d::<e>::{closure#0}", "<a::B>::d::{closure#0}"),
            ("memcpy", "memcpy"),
        ] {
            assert_eq!(short_name(long), short, "{long}");
        }
    }

    #[test]
    fn the_innermost_listed_function_decides() {
        let fetch = "<proofbook_commitment::store::Store>::fetch";
        let find = "<proofbook_transition::book::TrieBook as proofbook_book::Book>::find";
        let rules = "<proofbook_matching::MatchingEngine>::apply";
        let (apply, run) = (
            "proofbook_transition::run::apply",
            "proofbook_transition::run::run",
        );
        let digest = "<proofbook_commitment::node::Preimage>::digest";
        let stacks: [(&[&str], &str); 8] = [
            (&[digest, fetch, find, rules, apply, run], "witness check"),
            (
                &[
                    "<proofbook_commitment::maps::Maps>::find",
                    find,
                    rules,
                    apply,
                ],
                BOOK,
            ),
            (&[rules, apply, run], "matching: rules"),
            (&[digest, apply, run], LISTS),
            (&[apply, run], REST),
            (
                &[digest, "proofbook_commitment::store::rehash", apply, run],
                "commitment: state",
            ),
            (
                &["<proofbook_types::command::Command>::from_words", apply],
                DECODE,
            ),
            (&["_start"], REST),
        ];
        for (stack, part) in stacks {
            assert_eq!(part_of(&names(stack)), part, "{stack:?}");
        }
    }

    #[test]
    fn calls_are_told_apart_by_who_calls() {
        let other = Instruction::new(Opcode::ADD, 5, 5, 5, false, false);
        let call = Instruction::new(Opcode::JAL, 1, 0, 0, true, true);
        let back = Instruction::new(Opcode::JALR, 0, 1, 0, false, true);
        let mut counts = Counts::new(100);
        // 100 and 104 both call 200, which calls 300 the first time.
        for (instruction, address, next) in [
            (call, 100, 200),
            (call, 200, 300),
            (other, 300, 304),
            (back, 304, 204),
            (back, 204, 104),
            (call, 104, 200),
            (other, 200, 204),
            (back, 204, 108),
            (other, 108, 112),
        ] {
            counts.count(&instruction, address, next);
        }
        let mut found: Vec<(Vec<u64>, u64)> = counts
            .cycles
            .iter()
            .map(|(&(call, address), &cycles)| {
                let mut stack = vec![address];
                let mut call = call;
                while call != 0 {
                    stack.push(counts.calls[call].from);
                    call = counts.calls[call].parent;
                }
                (stack, cycles)
            })
            .collect();
        found.sort();
        let expected: [&[u64]; 9] = [
            &[100],
            &[104],
            &[108],
            &[200, 100],
            &[200, 104],
            &[204, 100],
            &[204, 104],
            &[300, 200, 100],
            &[304, 200, 100],
        ];
        assert_eq!(found, expected.map(|stack| (stack.to_vec(), 1)));
    }
}
