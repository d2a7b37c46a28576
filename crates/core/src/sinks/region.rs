//! Names of AWS that requests give: regions and roles.

use crate::error::{Error, Result};

const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Fails for a region that AWS has not.
pub(super) fn check_region(region: &str) -> Result<()> {
    if REGIONS.contains(&region) {
        return Ok(());
    }
    Err(Error::bad_request(format!("region '{region}' is unknown: use one of {}", REGIONS.join(", "))))
}

/// Fails for what is no role's name.
pub(super) fn check_arn(arn: &str) -> Result<()> {
    let refuse = || Err(Error::bad_request(format!("'{arn}' is no role: write arn:aws:iam::<12 digits>:role/<name>")));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", "aws" | "aws-cn" | "aws-us-gov", "iam", "", account, resource] = parts[..] else { return refuse() };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    let is_role = resource
        .strip_prefix("role/")
        .is_some_and(|name| !name.is_empty() && !name.ends_with('/') && name.len() <= 512 && name.bytes().all(is_name));
    if is_account && is_role { Ok(()) } else { refuse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions() {
        assert!(check_region("eu-west-3").is_ok());
        for bad in ["", "eu-west-33", "EU-WEST-3", "moon"] {
            assert!(check_region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn roles() {
        assert!(check_arn("arn:aws:iam::123456789012:role/sinks/a-role").is_ok());
        for bad in [
            "",
            "role/x",
            "arn:aws:iam::123:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:s3::123456789012:role/x",
            "arn:aws:iam::123456789012:role/a b",
            "arn:xws:iam::123456789012:role/x",
        ] {
            assert!(check_arn(bad).is_err(), "{bad}");
        }
    }
}
