//! Python exceptions while a template runs, and what becomes of them when nothing catches them.

use crate::error::Error;
use crate::value::Value;

pub(crate) type Eval<T> = Result<T, Raise>;

/// Why an evaluation stopped.
pub(crate) enum Raise {
    /// An exception that `{% except %}` may catch.
    Exception(Box<Exception>),
    /// A limit; nothing catches it.
    Fatal(Box<Error>),
}

/// A raised exception.
#[derive(Clone)]
pub(crate) struct Exception {
    pub(crate) class: Class,
    /// `str()` of the exception.
    pub(crate) message: String,
    /// Status and argument of `custom_error()`.
    pub(crate) custom: Option<(Value, Value)>,
}

macro_rules! classes {
    ($($variant:ident $name:literal $parent:ident,)*) => {
        /// The exception classes a template can meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Class { $($variant,)* }

        impl Class {
            const ALL: &'static [Class] = &[$(Class::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Class::$variant => $name,)* }
            }

            fn parent(self) -> Class {
                match self { $(Class::$variant => Class::$parent,)* }
            }
        }
    };
}

classes! {
    Base "BaseException" Base,
    Exception "Exception" Base,
    Arithmetic "ArithmeticError" Exception,
    Overflow "OverflowError" Arithmetic,
    ZeroDivision "ZeroDivisionError" Arithmetic,
    Assertion "AssertionError" Exception,
    Attribute "AttributeError" Exception,
    Lookup "LookupError" Exception,
    Index "IndexError" Lookup,
    Key "KeyError" Lookup,
    Name "NameError" Exception,
    UnboundLocal "UnboundLocalError" Name,
    Runtime "RuntimeError" Exception,
    StopIteration "StopIteration" Exception,
    Type "TypeError" Exception,
    Value "ValueError" Exception,
    Template "SQLTemplateException" Exception,
    Custom "SQLTemplateCustomError" Exception,
}

impl Class {
    /// The class a template can name. The template's own two are not in its namespace.
    pub(crate) fn from_name(name: &str) -> Option<Class> {
        let own = [Class::Template, Class::Custom];
        Class::ALL.iter().copied().find(|c| c.name() == name && !own.contains(c))
    }

    /// Whether this is `other` or a subclass of it.
    pub(crate) fn is_a(self, other: Class) -> bool {
        self == other || (self.parent() != self && self.parent().is_a(other))
    }
}

impl From<Error> for Raise {
    fn from(error: Error) -> Self {
        Raise::Fatal(Box::new(error))
    }
}

impl Raise {
    pub(crate) fn new(class: Class, message: impl Into<String>) -> Raise {
        Raise::Exception(Box::new(Exception { class, message: message.into(), custom: None }))
    }

    pub(crate) fn type_error(message: impl Into<String>) -> Raise {
        Raise::new(Class::Type, message)
    }

    pub(crate) fn value_error(message: impl Into<String>) -> Raise {
        Raise::new(Class::Value, message)
    }

    /// An error of a template function.
    pub(crate) fn template(message: impl Into<String>) -> Raise {
        Raise::new(Class::Template, message)
    }

    /// `'str' object has no attribute 'x'`
    pub(crate) fn no_attribute(value: &Value, name: &str) -> Raise {
        Raise::new(Class::Attribute, format!("'{}' object has no attribute '{name}'", value.type_name()))
    }
}
