//! Functions: the one of the node, then the others of its name.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::graph::{FunctionSpec, NO_TYPE, Node, Overload};
use crate::plan::{Action, Step};

use super::compile::{View, compile_node};
use super::event::Level;
use super::execute::{Done, NodeRun};
use super::result::{NodeResult, OverloadResults, Status};

impl NodeRun {
    /// Makes the function with its materialization, and then every overload, whatever became of the others.
    pub(super) async fn run_function(&self, spec: &FunctionSpec, started: Timestamp) -> NodeResult {
        let made = self.make_function(spec).await;
        let stands = made.is_ok();
        let mut result = self.own_result(made, started);
        if !stands {
            return result;
        }
        let mut overloads = OverloadResults::default();
        for overload in &spec.overloads {
            match self.overloaded(spec, overload).function_by_macro().await {
                Ok(_) => overloads.successful.push(overload.defined_in.clone()),
                Err(problem) => {
                    overloads.failed.push(overload.defined_in.clone());
                    self.context.events.message(Level::Error, problem.to_string());
                    result.diagnostic.get_or_insert(problem);
                }
            }
        }
        if !overloads.failed.is_empty() {
            result.status = Status::PartialSuccess;
            result.message = Some(format!("PARTIAL SUCCESS {}", self.step.node.name));
        }
        result.overloads = Some(overloads);
        result
    }

    async fn make_function(&self, spec: &FunctionSpec) -> Result<Done, Diagnostic> {
        let node = &self.step.node;
        if spec.returns.data_type == NO_TYPE {
            return Err(Diagnostic::error(
                "missing-returns",
                format!("nothing says what function `{}` returns", node.name),
            )
            .at(node.declared.clone())
            .help(
                "describe it below `functions:` in a properties file: its arguments, and `returns: {data_type: ..}`",
            ));
        }
        // A body that does not render fails the whole function, before anything is made.
        for overload in &spec.overloads {
            let overloaded = self.overloaded(spec, overload);
            let node = &overloaded.step.node;
            let view = View {
                this: node.relation.clone(),
                incremental: false,
            };
            compile_node(&self.context, node, &view, Some(&self.connection))?;
        }
        self.function_by_macro().await
    }

    async fn function_by_macro(&self) -> Result<Done, Diagnostic> {
        match &self.step.action {
            Action::Jinja { id: Ok(id), .. } => self.jinja(id, false).await,
            Action::Jinja { id: Err(missing), .. } => Err(missing.clone()),
            _ => Err(Diagnostic::error(
                "internal",
                format!("no macro builds {}", self.step.node.id),
            )),
        }
    }

    /// The same function with the arguments and the body of an overload.
    fn overloaded(&self, spec: &FunctionSpec, overload: &Overload) -> Self {
        let mut node = Node::clone(&self.step.node);
        node.source = Arc::clone(&overload.source);
        node.path.clone_from(&overload.path);
        node.original_path.clone_from(&overload.original_path);
        node.declared = crate::diagnostic::Place::new(&overload.source, 0..0);
        node.functions.spec = Some(Arc::new(FunctionSpec {
            arguments: overload.arguments.clone(),
            returns: overload.returns.clone().unwrap_or_else(|| spec.returns.clone()),
            overloads: Vec::new(),
        }));
        Self {
            shared: self.shared.clone(),
            context: Arc::clone(&self.context),
            step: Step {
                node: Arc::new(node),
                ..self.step.clone()
            },
            connection: Arc::clone(&self.connection),
            thread: self.thread.clone(),
            compiled: Mutex::new(None),
        }
    }
}
